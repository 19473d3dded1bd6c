// The HTTPS server that the API server calls for logs, exec, attach and port-forward.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"k8s.io/cri-streaming/pkg/streaming"
	"k8s.io/cri-streaming/pkg/streaming/portforward"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
)

// serve returns the port, and the channel on which the end of the server is told.
func (n *node) serve(cert, key, clientCA string) (int32, chan error, error) {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return 0, nil, err
	}
	pem, err := os.ReadFile(clientCA)
	if err != nil {
		return 0, nil, err
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(pem)
	listener, err := tls.Listen("tcp", nodeIP+":0", &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert,
		NextProtos: []string{"http/1.1"}, // SPDY and WebSocket begin as an upgrade of that
	})
	if err != nil {
		return 0, nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", n.serveLogs)
	mux.HandleFunc("/exec/{namespace}/{pod}/{container}", n.serveCommand)
	mux.HandleFunc("/attach/{namespace}/{pod}/{container}", n.serveCommand)
	mux.HandleFunc("/portForward/{namespace}/{pod}", n.servePortForward)
	failed := make(chan error, 1)
	go func() { failed <- http.Serve(listener, mux) }()
	return int32(listener.Addr().(*net.TCPAddr).Port), failed, nil
}

func (n *node) serveCommand(w http.ResponseWriter, r *http.Request) {
	_, c, err := n.find(r.PathValue("namespace"), r.PathValue("pod"), r.PathValue("container"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	options, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	config := streaming.DefaultConfig
	if words, isExec := r.URL.Query()["command"]; isExec {
		remotecommand.ServeExec(w, r, target{container: c}, "", "", "", words, options,
			config.StreamIdleTimeout, config.StreamCreationTimeout, config.SupportedRemoteCommandProtocols)
	} else {
		remotecommand.ServeAttach(w, r, target{container: c}, "", "", "", options,
			config.StreamIdleTimeout, config.StreamCreationTimeout, config.SupportedRemoteCommandProtocols)
	}
}

func (n *node) servePortForward(w http.ResponseWriter, r *http.Request) {
	p, _, err := n.find(r.PathValue("namespace"), r.PathValue("pod"), "")
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	options, err := portforward.NewV4Options(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	config := streaming.DefaultConfig
	portforward.ServePortForward(w, r, target{pod: p}, "", "", options,
		config.StreamIdleTimeout, config.StreamCreationTimeout, config.SupportedPortForwardProtocols)
}

// target is what one request is for, so the names that the streaming library hands through are not needed.
type target struct {
	pod       *pod
	container *container
}

func (t target) ExecInContainer(_ context.Context, _, _, _ string, words []string, in io.Reader, out, errOut io.WriteCloser, tty bool, sizes <-chan remotecommand.TerminalSize, _ time.Duration) error {
	if _, err := t.container.running(); err != nil {
		return err
	}
	cmd, err := t.container.command(words)
	if err != nil {
		return err
	}
	p, err := startProcess(cmd, tty, in != nil, out, errOut)
	if err != nil {
		return err
	}
	if tty {
		go p.resize(sizes)
	}
	if in != nil {
		go func() {
			io.Copy(p.stdin, in)
			if tty {
				p.signal(syscall.SIGHUP) // the client has gone: an end of input would come as a Ctrl-D
			} else {
				p.stdin.Close()
			}
		}()
	}
	if code := p.wait(); code != 0 {
		return utilexec.CodeExitError{Err: fmt.Errorf("exit status %d", code), Code: code}
	}
	return nil
}

func (t target) AttachContainer(_ context.Context, _, _, _ string, in io.Reader, out, errOut io.WriteCloser, _ bool, sizes <-chan remotecommand.TerminalSize) error {
	c := t.container
	i, err := c.running()
	if err != nil {
		return err
	}
	me := &client{out: out, err: errOut, gone: make(chan struct{})}
	me.leave = sync.OnceFunc(func() { close(me.gone) })
	i.mu.Lock()
	i.clients[me] = true
	i.mu.Unlock()
	defer func() {
		i.mu.Lock()
		delete(i.clients, me)
		i.mu.Unlock()
	}()
	if i.process.tty != nil {
		go i.process.resize(sizes)
	}
	if in != nil && i.process.stdin != nil {
		go func() {
			io.Copy(i.process.stdin, in)
			if i.process.tty != nil {
				me.leave() // the input of a terminal ends only with its client
			} else if c.spec.StdinOnce {
				i.process.stdin.Close()
			}
		}()
	}
	select {
	case <-i.ended:
	case <-me.gone:
	}
	return nil
}

func (t target) PortForward(_ context.Context, _, _ string, port int32, stream io.ReadWriteCloser) error {
	conn, err := net.Dial("tcp", net.JoinHostPort("localhost", strconv.Itoa(int(port))))
	if err != nil {
		return err
	}
	defer conn.Close()
	go func() {
		io.Copy(conn, stream)
		conn.(*net.TCPConn).CloseWrite()
	}()
	_, err = io.Copy(stream, conn)
	return err
}
