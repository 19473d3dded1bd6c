// Command informer keeps the ConfigMaps of one namespace in a cache as controllers do, with a shared informer of
// client-go, for tests of what lies between it and the API server: informer KUBECONFIG NAMESPACE.
//
// To each line `dump` on its standard input it answers with the cache, one line `name=resourceVersion` for each object,
// sorted, and an empty line. It ends when its standard input does. On standard error it says `synced` when the cache is
// complete for the first time, `list` and `watch` for each such request that it begins, and `error: ...` for each that
// client-go reports to a program.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"sort"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// newInformer makes an informer that says what it does on standard error.
func newInformer(client kubernetes.Interface, namespace string) (cache.SharedIndexInformer, error) {
	maps := client.CoreV1().ConfigMaps(namespace)
	source := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			log.Print("list")
			return maps.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			if options.SendInitialEvents != nil && *options.SendInitialEvents {
				log.Print("list")
			}
			log.Print("watch")
			return maps.Watch(ctx, options)
		},
	}
	informer := cache.NewSharedIndexInformer(source, &corev1.ConfigMap{}, 0, cache.Indexers{})
	return informer, informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
		log.Print("error: ", strings.ReplaceAll(err.Error(), "\n", " "))
	})
}

// dump is the answer to `dump`.
func dump(informer cache.SharedIndexInformer) string {
	var lines []string
	for _, object := range informer.GetStore().List() {
		m := object.(*corev1.ConfigMap)
		lines = append(lines, m.Name+"="+m.ResourceVersion+"\n")
	}
	sort.Strings(lines)
	return strings.Join(lines, "") + "\n"
}

func run(kubeconfig, namespace string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	informer, err := newInformer(client, namespace)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go informer.RunWithContext(ctx)
	go func() {
		for !informer.HasSynced() {
			time.Sleep(10 * time.Millisecond)
		}
		log.Print("synced")
	}()
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		if commands.Text() != "dump" {
			return fmt.Errorf("unknown command %q", commands.Text())
		}
		if _, err := fmt.Print(dump(informer)); err != nil {
			return err
		}
	}
	return commands.Err()
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: informer KUBECONFIG NAMESPACE")
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		log.Fatal("failed: ", err)
	}
}
