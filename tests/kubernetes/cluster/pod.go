// One pod of the node: its containers start in order, are restarted as its policy says, and end together.
package main

import (
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	firstBackOff = time.Second
	longBackOff  = 10 * time.Second // a kubelet's is minutes, for which no test wants to wait
)

type pod struct {
	node            *node
	namespace, name string
	dir, ip         string
	started         metav1.Time
	stop            chan struct{} // closed when it is to end
	finishing       sync.Once
	reporting       sync.Mutex // keeps reports in order

	mu         sync.Mutex // guards what follows, and the statuses of the containers
	object     *corev1.Pod
	containers []*container
	stopped    bool // nothing starts any more
	reported   corev1.PodStatus
}

func newPod(n *node, object *corev1.Pod, ip string) *pod {
	p := &pod{
		node: n, namespace: object.Namespace, name: object.Name, object: object, ip: ip,
		dir: filepath.Join(n.dir, string(object.UID)), started: metav1.Now(), stop: make(chan struct{}),
	}
	for _, spec := range object.Spec.InitContainers {
		p.add(initial, spec)
	}
	for _, spec := range object.Spec.Containers {
		p.add(ordinary, spec)
	}
	return p
}

func (p *pod) add(kind containerKind, spec corev1.Container) *container {
	c := &container{pod: p, kind: kind, spec: spec}
	c.status = corev1.ContainerStatus{
		Name: spec.Name, Image: spec.Image, ImageID: "process://" + spec.Image,
		State: waiting("PodInitializing", ""),
	}
	p.containers = append(p.containers, c)
	return c
}

func (p *pod) container(name string) *container {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.containers {
		if c.spec.Name == name {
			return c
		}
	}
	return nil
}

func (p *pod) run() {
	p.mu.Lock()
	containers := p.containers
	p.mu.Unlock()
	for _, c := range containers {
		if c.kind == ordinary {
			go c.run()
		} else if !c.run() {
			return
		}
	}
}

// update takes over a changed object; what can change and matters here are the containers of kubectl debug.
func (p *pod) update(object *corev1.Pod) {
	p.mu.Lock()
	p.object = object
	p.mu.Unlock()
	for _, spec := range object.Spec.EphemeralContainers {
		if p.container(spec.Name) == nil {
			p.mu.Lock()
			c := p.add(ephemeral, corev1.Container(spec.EphemeralContainerCommon))
			p.mu.Unlock()
			go c.run()
		}
	}
}

// run starts the container until it need not run again. It tells whether the last run was a success.
func (c *container) run() bool {
	for backOff := firstBackOff; ; backOff = min(2*backOff, longBackOff) {
		cmd, err := c.command(nil)
		if err != nil {
			c.wait("CreateContainerConfigError", err.Error())
			if !c.pod.sleep(firstBackOff) {
				return false
			}
			continue
		}
		i := c.start(cmd)
		if i == nil {
			return false
		}
		c.pod.report()
		<-i.ended
		c.pod.report()
		c.pod.mu.Lock()
		again, success := !c.pod.stopped && c.runsAgain(), c.status.State.Terminated.ExitCode == 0
		c.pod.mu.Unlock()
		if !again {
			return success
		}
		c.wait("CrashLoopBackOff", "back-off "+backOff.String()+" restarting failed container "+c.spec.Name)
		if !c.pod.sleep(backOff) {
			return false
		}
	}
}

// wait says why the container does not run for now.
func (c *container) wait(reason, message string) {
	c.pod.mu.Lock()
	if c.status.State.Terminated != nil {
		c.status.LastTerminationState = c.status.State
	}
	c.status.State = waiting(reason, message)
	c.pod.mu.Unlock()
	c.pod.report()
}

// sleep returns false when the pod is to end.
func (p *pod) sleep(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-p.stop:
		return false
	}
}

// finish ends all processes of the pod, reports that, and lets its object go. A later call with a shorter
// grace period comes from a deletion by force, and shortens the wait of the first.
func (p *pod) finish(grace time.Duration) {
	if grace == 0 {
		defer p.signal(syscall.SIGKILL)
	}
	p.finishing.Do(func() {
		p.mu.Lock()
		p.stopped = true
		close(p.stop)
		var ends []chan struct{}
		for _, c := range p.containers {
			if c.current != nil {
				ends = append(ends, c.current.ended)
			}
		}
		p.mu.Unlock()
		go func() {
			p.signal(syscall.SIGTERM)
			kill := time.AfterFunc(grace, func() { p.signal(syscall.SIGKILL) })
			defer kill.Stop()
			for _, ended := range ends {
				<-ended
			}
			p.end()
		}()
	})
}

// signal reaches the process groups of the running containers.
func (p *pod) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.containers {
		if c.status.State.Running != nil {
			c.current.process.signal(s)
		}
	}
}

// end follows the end of the containers.
func (p *pod) end() {
	p.report()
	p.mu.Lock()
	object := p.object
	p.mu.Unlock()
	os.RemoveAll(p.dir)
	p.node.mu.Lock()
	delete(p.node.pods, object.UID)
	p.node.mu.Unlock()
	p.node.remove(object)
}
