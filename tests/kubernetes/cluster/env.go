// What a process in a pod is given: its command, its environment and its working directory.
package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// containerMark begins a variable that all processes of a container inherit; then comes where the pod lives.
const containerMark = "MK8S_TEST_CONTAINER="

func (c *container) mark() string { return containerMark + filepath.Join(c.pod.dir, c.spec.Name) }

// environment keeps the variables in order, and the values for $(NAME) in commands and in later values.
type environment struct {
	list   []string
	values map[string]string
}

func (e *environment) set(name, value string) {
	e.values[name] = value
	e.list = append(e.list, name+"="+value)
}

var reference = regexp.MustCompile(`\$\$|\$\([A-Za-z_.][A-Za-z0-9_.-]*\)`)

func (e *environment) expand(text string) string {
	return reference.ReplaceAllStringFunc(text, func(match string) string {
		if match == "$$" {
			return "$"
		}
		if value, ok := e.values[match[2:len(match)-1]]; ok {
			return value
		}
		return match
	})
}

// command prepares a process in the container, its main one when no words are given. It fails only when
// something is missing that may come yet, such as a Secret.
func (c *container) command(words []string) (*exec.Cmd, error) {
	env, err := c.environment()
	if err != nil {
		return nil, err
	}
	if words == nil {
		for _, word := range slices.Concat(c.spec.Command, c.spec.Args) {
			words = append(words, env.expand(word))
		}
	}
	if len(words) == 0 { // an image would say what to run
		words = []string{"sleep", "1000000"}
	}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Env, cmd.Dir = env.list, c.pod.dir
	if info, err := os.Stat(c.spec.WorkingDir); err == nil && info.IsDir() {
		cmd.Dir = c.spec.WorkingDir
	}
	return cmd, nil
}

func (c *container) environment() (*environment, error) {
	env := &environment{values: map[string]string{}}
	env.set("PATH", os.Getenv("PATH"))
	env.set("HOME", c.pod.dir)
	env.set("HOSTNAME", c.pod.name)
	for _, from := range c.spec.EnvFrom {
		var values map[string]string
		var err error
		switch {
		case from.ConfigMapRef != nil:
			values, err = c.pod.configMap(from.ConfigMapRef.Name, from.ConfigMapRef.Optional)
		case from.SecretRef != nil:
			values, err = c.pod.secret(from.SecretRef.Name, from.SecretRef.Optional)
		}
		if err != nil {
			return nil, err
		}
		for _, name := range slices.Sorted(maps.Keys(values)) {
			env.set(from.Prefix+name, values[name])
		}
	}
	for _, variable := range c.spec.Env {
		value, found, err := env.expand(variable.Value), true, error(nil)
		if from := variable.ValueFrom; from != nil {
			value, found, err = c.pod.value(from)
		}
		if err != nil {
			return nil, err
		}
		if found {
			env.set(variable.Name, value)
		}
	}
	env.list = append(env.list, c.mark())
	return env, nil
}

// value finds what a variable refers to; it is not found when that is optional and missing.
func (p *pod) value(from *corev1.EnvVarSource) (value string, found bool, err error) {
	var values map[string]string
	var key, where string
	var optional *bool
	switch {
	case from.ConfigMapKeyRef != nil:
		key, where, optional = from.ConfigMapKeyRef.Key, "ConfigMap "+from.ConfigMapKeyRef.Name, from.ConfigMapKeyRef.Optional
		values, err = p.configMap(from.ConfigMapKeyRef.Name, optional)
	case from.SecretKeyRef != nil:
		key, where, optional = from.SecretKeyRef.Key, "Secret "+from.SecretKeyRef.Name, from.SecretKeyRef.Optional
		values, err = p.secret(from.SecretKeyRef.Name, optional)
	case from.FieldRef != nil:
		return p.field(from.FieldRef.FieldPath), true, nil
	}
	value, found = values[key]
	if err == nil && !found && key != "" && !isTrue(optional) {
		err = fmt.Errorf("couldn't find key %s in %s", key, where)
	}
	return value, found, err
}

var mapField = regexp.MustCompile(`^metadata\.(labels|annotations)\['(.*)'\]$`)

func (p *pod) field(path string) string {
	if match := mapField.FindStringSubmatch(path); match != nil {
		return map[string]map[string]string{"labels": p.object.Labels, "annotations": p.object.Annotations}[match[1]][match[2]]
	}
	return map[string]string{
		"metadata.name": p.name, "metadata.namespace": p.namespace, "metadata.uid": string(p.object.UID),
		"spec.nodeName": p.node.name, "spec.serviceAccountName": p.object.Spec.ServiceAccountName,
		"status.podIP": p.ip, "status.podIPs": p.ip, "status.hostIP": nodeIP, "status.hostIPs": nodeIP,
	}[path]
}

func (p *pod) configMap(name string, optional *bool) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	object, err := p.node.kube.CoreV1().ConfigMaps(p.namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, unlessOptional(err, optional)
	}
	return object.Data, nil
}

func (p *pod) secret(name string, optional *bool) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	object, err := p.node.kube.CoreV1().Secrets(p.namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, unlessOptional(err, optional)
	}
	values := map[string]string{}
	for key, value := range object.Data {
		values[key] = string(value)
	}
	return values, nil
}

func unlessOptional(err error, optional *bool) error {
	if isTrue(optional) {
		return nil
	}
	return err
}

func isTrue(b *bool) bool { return b != nil && *b }
