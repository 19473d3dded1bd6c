// The status of a pod, worked out from its containers and reported to the API server.
package main

import (
	"context"
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func waiting(reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

// report tells the API server how the pod is. A failure is only logged: the next change brings the next report.
func (p *pod) report() {
	p.reporting.Lock()
	defer p.reporting.Unlock()
	p.mu.Lock()
	object, before := p.object, p.reported
	status := p.status(before.Conditions)
	p.mu.Unlock()
	if equality.Semantic.DeepEqual(status, before) {
		return
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": object.UID}, "status": status})
	if err == nil {
		_, err = p.node.kube.CoreV1().Pods(p.namespace).Patch(context.Background(), p.name,
			types.MergePatchType, patch, metav1.PatchOptions{}, "status")
	}
	if err != nil {
		logUnlessGone("report on", object, err)
		return
	}
	p.mu.Lock()
	p.reported = status
	p.mu.Unlock()
}

// status is called with p.mu held.
func (p *pod) status(before []corev1.PodCondition) corev1.PodStatus {
	status := corev1.PodStatus{
		StartTime: &p.started, HostIP: nodeIP, HostIPs: []corev1.HostIP{{IP: nodeIP}},
		PodIP: p.ip, PodIPs: []corev1.PodIP{{IP: p.ip}}, QOSClass: p.object.Status.QOSClass,
	}
	initialized, ready, alive, failed := true, true, false, false
	for _, c := range p.containers {
		s := *c.status.DeepCopy()
		done := s.State.Terminated != nil && (p.stopped || !c.runsAgain())
		success := done && s.State.Terminated.ExitCode == 0
		switch c.kind {
		case initial:
			s.Ready = success
			initialized = initialized && success
			failed = failed || done && !success
			status.InitContainerStatuses = append(status.InitContainerStatuses, s)
		case ordinary:
			ready = ready && s.Ready
			alive = alive || !done
			failed = failed || done && !success
			status.ContainerStatuses = append(status.ContainerStatuses, s)
		case ephemeral:
			status.EphemeralContainerStatuses = append(status.EphemeralContainerStatuses, s)
		}
	}
	switch {
	case failed && (!alive || !initialized):
		status.Phase = corev1.PodFailed
	case !alive:
		status.Phase = corev1.PodSucceeded
	case !initialized:
		status.Phase = corev1.PodPending
	default:
		status.Phase = corev1.PodRunning
	}
	ready = ready && initialized && status.Phase == corev1.PodRunning
	reason := ""
	if status.Phase == corev1.PodSucceeded {
		reason = "PodCompleted"
	} else if !ready {
		reason = "ContainersNotReady"
	}
	add := func(kind corev1.PodConditionType, holds bool, reason string) {
		condition := corev1.PodCondition{Type: kind, Status: corev1.ConditionFalse, Reason: reason, LastTransitionTime: metav1.Now()}
		if holds {
			condition.Status = corev1.ConditionTrue
		}
		for _, old := range before { // its time is that of the last change
			if old.Type == kind && old.Status == condition.Status {
				condition.LastTransitionTime = old.LastTransitionTime
			}
		}
		status.Conditions = append(status.Conditions, condition)
	}
	add(corev1.PodScheduled, true, "")
	add(corev1.PodInitialized, initialized, "")
	add(corev1.ContainersReady, ready, reason)
	add(corev1.PodReady, ready, reason)
	return status
}
