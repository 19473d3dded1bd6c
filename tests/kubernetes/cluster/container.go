// One container of a pod, and one instance of it between a start and an end.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

type containerKind int

const (
	initial containerKind = iota // an init container
	ordinary
	ephemeral // of kubectl debug
)

type container struct {
	pod  *pod
	kind containerKind
	spec corev1.Container

	// guarded by pod.mu
	status            corev1.ContainerStatus
	current, previous *instance // nil before the first and the second start
}

type instance struct {
	process *process // nil when it could not be started
	log     *logBuffer
	ended   chan struct{} // closed when the end is in the container's status

	mu      sync.Mutex
	clients map[*client]bool
}

// client is an attached kubectl; a stream that it did not ask for is nil.
type client struct {
	out, err io.Writer
	gone     chan struct{}
	leave    func() // closes gone
}

// start returns nil when the pod is to end.
func (c *container) start(cmd *exec.Cmd) *instance {
	c.pod.mu.Lock()
	defer c.pod.mu.Unlock()
	if c.pod.stopped {
		return nil
	}
	if c.current != nil {
		c.status.RestartCount++
	}
	if c.status.State.Terminated != nil {
		c.status.LastTerminationState = c.status.State
	}
	i := &instance{log: newLogBuffer(), ended: make(chan struct{}), clients: map[*client]bool{}}
	c.previous, c.current = c.current, i
	c.status.ContainerID = fmt.Sprintf("process://%s/%s/%d", c.pod.object.UID, c.spec.Name, c.status.RestartCount)
	now := metav1.Now()
	cmd.WaitDelay = time.Second // for output kept open by a process that hides even from killMarked
	out, errOut := &output{instance: i}, &output{instance: i, stderr: true}
	var err error
	if i.process, err = startProcess(cmd, c.spec.TTY, c.spec.Stdin, out, errOut); err != nil {
		c.ended(i, now, 128, "StartError", err.Error())
		return i
	}
	yes := true
	c.status.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}}
	c.status.Started, c.status.Ready = &yes, c.spec.ReadinessProbe == nil
	if !c.status.Ready {
		go c.probe(i)
	}
	go func() {
		i.process.awaitExit()
		i.process.signal(syscall.SIGKILL) // a container ends as a whole
		killMarked(c.mark() + "\x00")     // also what has left its process group, or was started by an exec
		code, reason := i.process.wait(), "Completed"
		if code != 0 {
			reason = "Error"
		}
		out.flush()
		errOut.flush()
		c.pod.mu.Lock()
		defer c.pod.mu.Unlock()
		c.ended(i, now, code, reason, "")
	}()
	return i
}

func (c *container) running() (*instance, error) {
	c.pod.mu.Lock()
	defer c.pod.mu.Unlock()
	if c.status.State.Running == nil {
		return nil, errors.New("the container is not running")
	}
	return c.current, nil
}

// ended is called with pod.mu held.
func (c *container) ended(i *instance, started metav1.Time, code int, reason, message string) {
	no := false
	c.status.Started, c.status.Ready = &no, false
	c.status.State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: int32(code), Reason: reason, Message: message, ContainerID: c.status.ContainerID,
		StartedAt: started, FinishedAt: metav1.Now(),
	}}
	i.log.end()
	close(i.ended)
}

// runsAgain is called with pod.mu held.
func (c *container) runsAgain() bool {
	end, policy := c.status.State.Terminated, c.pod.object.Spec.RestartPolicy
	switch {
	case end == nil:
		return true
	case c.kind == ephemeral || policy == corev1.RestartPolicyNever:
		return false
	case c.kind == initial || policy == corev1.RestartPolicyOnFailure:
		return end.ExitCode != 0
	}
	return true
}

// output is stdout or stderr of an instance: whole lines go to its log, all bytes to its clients.
type output struct {
	instance *instance
	stderr   bool
	rest     []byte // of a line whose end has not come yet
}

func (o *output) Write(data []byte) (int, error) {
	o.instance.mu.Lock()
	clients := slices.Collect(maps.Keys(o.instance.clients))
	o.instance.mu.Unlock()
	for _, client := range clients { // without the lock: a slow client holds up nothing but this stream
		to := client.out
		if o.stderr {
			to = client.err
		}
		if to == nil {
			continue
		}
		if _, err := to.Write(data); err != nil {
			client.leave()
		}
	}
	o.rest = append(o.rest, data...)
	if end := bytes.LastIndexByte(o.rest, '\n') + 1; end > 0 {
		o.instance.log.add(o.rest[:end])
		o.rest = bytes.Clone(o.rest[end:])
	}
	return len(data), nil
}

func (o *output) flush() {
	if len(o.rest) > 0 {
		o.instance.log.add(o.rest)
	}
}
