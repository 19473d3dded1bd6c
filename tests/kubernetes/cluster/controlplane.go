// The components of the cluster: how each is started, and when it is ready.
package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	etcd              = "etcd"
	apiServer         = "kube-apiserver"
	controllerManager = "kube-controller-manager"
	nodeComponent     = "node"
)

var components = []string{etcd, apiServer, controllerManager, nodeComponent}

const (
	nodeName     = "node1"
	readyTimeout = 2 * time.Minute // seconds on an idle machine, but tests are often compiled beside it
)

// start returns when the cluster is fit for use.
func (c *cluster) start(ctx context.Context) error {
	killMarked(containerMark + c.dir + "/")                   // of an earlier cluster here whose supervisor was killed
	for _, name := range []string{kubeconfigFile, stateDir} { // of an earlier cluster
		if err := os.RemoveAll(filepath.Join(c.dir, name)); err != nil {
			return err
		}
	}
	if err := removeAuditLogs(c.dir); err != nil { // likewise
		return err
	}
	if err := os.Mkdir(c.state, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(c.state, auditPolicyFile), []byte(auditPolicy), 0o600); err != nil {
		return err
	}
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	etcdURL, peerURL := "http://"+ports[0], "http://"+ports[1]
	server := "https://" + ports[2]
	_, serverPort, _ := net.SplitHostPort(ports[2])
	if err := writeKeys(c.state, server); err != nil {
		return err
	}

	if err := c.launch(ctx, etcd, "etcd", "--name=etcd", "--data-dir=etcd", "--log-level=warn",
		"--unsafe-no-fsync", // the data need not survive this machine
		"--listen-client-urls="+etcdURL, "--advertise-client-urls="+etcdURL,
		"--listen-peer-urls="+peerURL, "--initial-advertise-peer-urls="+peerURL, "--initial-cluster=etcd="+peerURL,
	); err != nil {
		return err
	}
	if err := c.launch(ctx, apiServer, "kube-apiserver", "--etcd-servers="+etcdURL,
		"--bind-address=127.0.0.1", "--secure-port="+serverPort,
		"--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none", // a loopback address is no valid endpoint
		"--tls-cert-file=apiserver.crt", "--tls-private-key-file=apiserver.key", "--client-ca-file=ca.crt",
		"--authorization-mode=RBAC", "--allow-privileged",
		"--audit-policy-file="+auditPolicyFile, "--audit-log-path="+filepath.Join(c.dir, auditLogFile),
		"--audit-log-maxsize=50", "--audit-log-maxbackup=1", // megabytes
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=service-account.key", "--service-account-signing-key-file=service-account.key",
		"--service-cluster-ip-range=10.96.0.0/16",
		"--kubelet-client-certificate=kubelet-client.crt", "--kubelet-client-key=kubelet-client.key",
		"--kubelet-certificate-authority=ca.crt", "--kubelet-preferred-address-types=InternalIP",
	); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(c.state, kubeconfigFile))
	if err != nil {
		return err
	}
	config.QPS = -1 // no limit: it is only asked whether things are ready
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	if err := c.await(ctx, apiServer, "is not ready", func() error {
		return kube.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	}); err != nil {
		return err
	}

	if err := c.launch(ctx, controllerManager, "kube-controller-manager", "--kubeconfig=controller-manager.kubeconfig",
		"--leader-elect=false", "--secure-port=0", "--use-service-account-credentials",
		"--kube-api-qps=500", "--kube-api-burst=1000", // the defaults delay the first service accounts by many seconds
		"--node-monitor-grace-period=100000h", // our node sends no heartbeats; when it ends, the cluster does
		"--root-ca-file=ca.crt", "--service-account-private-key-file=service-account.key",
		"--cluster-signing-cert-file=ca.crt", "--cluster-signing-key-file=ca.key",
	); err != nil {
		return err
	}
	if err := c.launch(ctx, nodeComponent, "cluster", "node", "--name="+nodeName, "--kubeconfig=node.kubeconfig",
		"--cert=node.crt", "--key=node.key", "--client-ca=ca.crt", "--dir="+filepath.Join(c.state, "pods"),
	); err != nil {
		return err
	}
	if err := c.await(ctx, nodeComponent, "is not Ready", func() error {
		node, err := kube.CoreV1().Nodes().Get(ctx, nodeName, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, condition := range node.Status.Conditions {
			if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue {
				return nil
			}
		}
		return errors.New("no such condition")
	}); err != nil {
		return err
	}
	if err := c.await(ctx, controllerManager, "makes no service accounts", func() error {
		_, err := kube.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
		return err
	}); err != nil {
		return err
	}
	// Only now: who waits for this file to appear may use the cluster at once.
	return os.Rename(filepath.Join(c.state, kubeconfigFile), filepath.Join(c.dir, kubeconfigFile))
}

func (c *cluster) await(ctx context.Context, name, complaint string, ready func() error) error {
	for deadline := time.Now().Add(readyTimeout); ; time.Sleep(25 * time.Millisecond) {
		err := ready()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Now().After(deadline):
			return c.blame(name, fmt.Sprintf("%s after %s (%v)", complaint, readyTimeout, err))
		}
	}
}

// freePorts finds addresses to listen on. They are below the ports that the kernel gives to outgoing
// connections and to those who ask for any, so that none of these takes one before its server does.
func freePorts(n int) ([]string, error) {
	var addresses []string
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(10000))
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		defer listener.Close() // not before all are found: they have to differ
		if addresses = append(addresses, address); len(addresses) == n {
			return addresses, nil
		}
	}
	return nil, errors.New("no free ports on 127.0.0.1")
}
