// Command informer keeps the ConfigMaps of one namespace in a cache as controllers do, with shared informers of
// client-go, for tests of what lies between them and the API server: informer KUBECONFIG NAMESPACE [PARTS].
//
// With PARTS there are so many informers, each with a watch of its own: informer i keeps the ConfigMaps whose label
// `part` is i.
//
// To each line `dump` on its standard input it answers with the caches, one line `name=resourceVersion` for each object,
// sorted, and an empty line. It ends when its standard input does. On standard error it says `synced` when all caches are
// complete for the first time; `list` and `watch` for each such request that it begins; `answer: ...` for each answer that
// is no success, and `event: ...` for each error that came within a watch, with their codes; `cut: ...` for a watch that
// broke off; and `error: ...` for each error that client-go reports to a program. What client-go itself logs is there too.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"sort"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// start starts the informers: one of all objects, or one of each part.
func start(ctx context.Context, client kubernetes.Interface, namespace string, parts int) ([]cache.SharedIndexInformer, error) {
	selectors := []string{labels.Everything().String()}
	if parts > 0 {
		selectors = nil
	}
	for part := range parts {
		selectors = append(selectors, "part="+strconv.Itoa(part))
	}
	var informers []cache.SharedIndexInformer
	for _, selector := range selectors {
		informer, err := newInformer(client, namespace, selector)
		if err != nil {
			return nil, err
		}
		informers = append(informers, informer)
		go informer.RunWithContext(ctx)
	}
	go func() {
		for _, informer := range informers {
			cache.WaitForCacheSync(ctx.Done(), informer.HasSynced)
		}
		log.Print("synced")
	}()
	return informers, nil
}

// dump is the answer to `dump`.
func dump(informers []cache.SharedIndexInformer) string {
	var lines []string
	for _, informer := range informers {
		for _, object := range informer.GetStore().List() {
			lines = append(lines, line(object))
		}
	}
	sort.Strings(lines)
	return strings.Join(lines, "") + "\n"
}

func run(kubeconfig, namespace string, parts int) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1 // no limit: all informers come back at once
	config.Wrap(sayAnswers)
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	informers, err := start(ctx, client, namespace, parts)
	if err != nil {
		return err
	}
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		if commands.Text() != "dump" {
			return fmt.Errorf("unknown command %q", commands.Text())
		}
		if _, err := fmt.Print(dump(informers)); err != nil {
			return err
		}
	}
	return commands.Err()
}

func main() {
	log.SetFlags(0)
	parts, err := 0, error(nil)
	if len(os.Args) == 4 {
		parts, err = strconv.Atoi(os.Args[3])
	}
	if len(os.Args) < 3 || len(os.Args) > 4 || err != nil {
		log.Fatal("usage: informer KUBECONFIG NAMESPACE [PARTS]")
	}
	if err := run(os.Args[1], os.Args[2], parts); err != nil {
		log.Fatal("failed: ", err)
	}
}
