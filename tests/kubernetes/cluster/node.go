// The node: it registers itself, takes the pods that wait for a node, and gives each to its keeper in pod.go.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"runtime"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

const nodeIP = "127.0.0.1"

type node struct {
	kube      kubernetes.Interface
	name, dir string
	labels    labels.Set

	mu      sync.Mutex
	pods    map[types.UID]*pod
	numbers int // of pods so far: each has its own address
}

func runNode(args []string) error {
	flags := flag.NewFlagSet("node", flag.ExitOnError)
	name := flags.String("name", "", "name of the node")
	kubeconfig := flags.String("kubeconfig", "", "how to reach the API server")
	dir := flags.String("dir", "", "where pods get their working directories")
	cert := flags.String("cert", "", "certificate to serve with")
	key := flags.String("key", "", "its key")
	clientCA := flags.String("client-ca", "", "who signs the API server's client certificate")
	flags.Parse(args)
	resetSignals()

	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	n := &node{kube: kube, name: *name, dir: *dir, pods: map[types.UID]*pod{}, labels: labels.Set{
		corev1.LabelHostname: *name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: runtime.GOARCH,
	}}
	port, failed, err := n.serve(*cert, *key, *clientCA)
	if err != nil {
		return err
	}
	if err := n.register(port); err != nil {
		return err
	}
	// The resync is the second try for what failed, such as a binding.
	informer := informers.NewSharedInformerFactory(kube, 10*time.Second).Core().V1().Pods().Informer()
	informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { n.sync(o.(*corev1.Pod)) },
		UpdateFunc: func(_, o any) { n.sync(o.(*corev1.Pod)) },
		DeleteFunc: func(o any) {
			if missed, ok := o.(cache.DeletedFinalStateUnknown); ok {
				o = missed.Obj
			}
			if p := n.pod(o.(*corev1.Pod).UID); p != nil { // deleted by force
				go p.finish(0)
			}
		},
	})
	go informer.Run(nil)
	return <-failed
}

func (n *node) register(port int32) error {
	resources := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("64"), corev1.ResourceMemory: resource.MustParse("256Gi"),
		corev1.ResourcePods: resource.MustParse("1000"), corev1.ResourceEphemeralStorage: resource.MustParse("1Ti"),
	}
	now := metav1.Now()
	object := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: n.name, Labels: n.labels},
		Status: corev1.NodeStatus{
			Capacity: resources, Allocatable: resources,
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeInternalIP, Address: nodeIP}, {Type: corev1.NodeHostName, Address: n.name},
			},
			DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: port}},
			NodeInfo: corev1.NodeSystemInfo{
				KubeletVersion:  "v1.36.3", // as in build ContainerRuntimeVersion: "process://1", OSImage: "local processes",
				OperatingSystem: "linux", Architecture: runtime.GOARCH, KernelVersion: "unknown",
			},
			Conditions: []corev1.NodeCondition{{
				Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady",
				LastHeartbeatTime: now, LastTransitionTime: now,
			}},
		},
	}
	ctx, nodes := context.Background(), n.kube.CoreV1().Nodes()
	if _, err := nodes.Create(ctx, object, metav1.CreateOptions{}); err != nil {
		return err
	}
	status, err := json.Marshal(map[string]any{"status": object.Status})
	if err != nil {
		return err
	}
	_, err = nodes.Patch(ctx, n.name, types.MergePatchType, status, metav1.PatchOptions{}, "status")
	return err
}

// sync acts on the present state of a pod object. It is called for one object at a time.
func (n *node) sync(object *corev1.Pod) {
	p := n.pod(object.UID)
	switch {
	case object.Spec.NodeName == "":
		if n.wants(object) {
			n.bind(object)
		}
	case object.Spec.NodeName != n.name:
	case object.DeletionTimestamp != nil && p == nil:
		n.remove(object) // nothing of it has ever run
	case object.DeletionTimestamp != nil:
		go p.finish(time.Duration(*object.DeletionGracePeriodSeconds) * time.Second)
	case p != nil:
		p.update(object)
	default:
		n.mu.Lock()
		n.numbers++
		p = newPod(n, object, n.podIP(object, n.numbers))
		n.pods[object.UID] = p
		n.mu.Unlock()
		if err := os.MkdirAll(p.dir, 0o755); err != nil {
			log.Print(err)
		}
		go p.run()
	}
}

// wants does as much of a scheduler's work as tests need: a pod can be made to stay Pending.
func (n *node) wants(object *corev1.Pod) bool {
	return object.DeletionTimestamp == nil && len(object.Spec.SchedulingGates) == 0 &&
		object.Spec.SchedulerName == corev1.DefaultSchedulerName &&
		labels.SelectorFromSet(object.Spec.NodeSelector).Matches(n.labels)
}

func (n *node) bind(object *corev1.Pod) {
	err := n.kube.CoreV1().Pods(object.Namespace).Bind(context.Background(), &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Name: object.Name, Namespace: object.Namespace, UID: object.UID},
		Target:     corev1.ObjectReference{Kind: "Node", Name: n.name},
	}, metav1.CreateOptions{})
	logUnlessGone("bind", object, err)
}

// remove deletes an object whose processes have ended.
func (n *node) remove(object *corev1.Pod) {
	options := metav1.NewDeleteOptions(0)
	options.Preconditions = metav1.NewUIDPreconditions(string(object.UID))
	err := n.kube.CoreV1().Pods(object.Namespace).Delete(context.Background(), object.Name, *options)
	logUnlessGone("delete", object, err)
}

func logUnlessGone(what string, object *corev1.Pod, err error) {
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		log.Printf("%s %s/%s: %v", what, object.Namespace, object.Name, err)
	}
}

func (n *node) pod(uid types.UID) *pod {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.pods[uid]
}

// find looks up a container that kubectl names, or only its pod when there is no name.
func (n *node) find(namespace, name, container string) (*pod, *container, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.pods {
		if p.namespace != namespace || p.name != name {
			continue
		}
		c := p.container(container)
		if c == nil && container != "" {
			return nil, nil, fmt.Errorf("container %q not found in pod %q", container, name)
		}
		return p, c, nil
	}
	return nil, nil, fmt.Errorf("pod %q not found in namespace %q", name, namespace)
}

// podIP is a made-up address, for endpoints with a loopback address are not valid. Nothing listens on it;
// so the API server's proxy to pods and services works only for pods in the host's network, which get a real one.
func (n *node) podIP(object *corev1.Pod, number int) string {
	ip := fmt.Sprintf("10.244.%d.%d", number/250%250, 1+number%250)
	if object.Spec.HostNetwork {
		ip = cmp.Or(hostIP(), ip)
	}
	return ip
}

// hostIP is an IPv4 address of this machine that is not loopback, or "".
func hostIP() string {
	addresses, _ := net.InterfaceAddrs()
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok && network.IP.To4() != nil && network.IP.IsGlobalUnicast() {
			return network.IP.String()
		}
	}
	return ""
}
