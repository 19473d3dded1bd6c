// Readiness probes.
package main

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"
)

// Real probes run every ten seconds unless told otherwise; tests should not have to wait for that.
const probePeriod = 200 * time.Millisecond

// probe keeps the readiness of a running container up to date. Of the probe's settings it heeds only the
// handler and the initial delay.
func (c *container) probe(i *instance) {
	period := time.Duration(c.spec.ReadinessProbe.InitialDelaySeconds) * time.Second
	for {
		select {
		case <-i.ended:
			return
		case <-time.After(period):
		}
		period = probePeriod
		ready := c.tryProbe()
		c.pod.mu.Lock()
		if c.current == i && c.status.State.Running != nil {
			c.status.Ready = ready
		}
		c.pod.mu.Unlock()
		c.pod.report()
	}
}

func (c *container) tryProbe() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	switch probe := c.spec.ReadinessProbe.ProbeHandler; {
	case probe.HTTPGet != nil:
		url := strings.ToLower(string(probe.HTTPGet.Scheme)) + "://" + c.address(probe.HTTPGet.Port) + "/" + strings.TrimPrefix(probe.HTTPGet.Path, "/")
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return false
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode < 400
	case probe.TCPSocket != nil:
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.address(probe.TCPSocket.Port))
		if err != nil {
			return false
		}
		conn.Close()
		return true
	case probe.Exec != nil:
		cmd, err := c.command(probe.Exec.Command)
		if err != nil {
			return false
		}
		process, err := startProcess(cmd, false, false, nil, nil)
		if err != nil {
			return false
		}
		defer context.AfterFunc(ctx, func() { cmd.Process.Kill() })()
		return process.wait() == 0
	}
	return true // gRPC is not probed
}

// address is where a port of the container is: all share the host's network.
func (c *container) address(port intstr.IntOrString) string {
	for _, named := range c.spec.Ports {
		if port.Type == intstr.String && named.Name == port.StrVal {
			return net.JoinHostPort("localhost", strconv.Itoa(int(named.ContainerPort)))
		}
	}
	return net.JoinHostPort("localhost", port.String())
}
