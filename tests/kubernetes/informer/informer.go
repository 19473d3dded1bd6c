// One informer, and what it says of its requests and of their answers.
package main

import (
	"context"
	"log"
	"net/http"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// newInformer makes an informer that says what it does on standard error.
func newInformer(client kubernetes.Interface, namespace, selector string) (cache.SharedIndexInformer, error) {
	maps := client.CoreV1().ConfigMaps(namespace)
	source := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			log.Print("list")
			options.LabelSelector = selector
			return maps.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			if options.SendInitialEvents != nil && *options.SendInitialEvents {
				log.Print("list")
			}
			log.Print("watch")
			options.LabelSelector = selector
			events, err := maps.Watch(ctx, options)
			if err != nil {
				return nil, err
			}
			return watch.Filter(events, sayErrors), nil
		},
	}
	informer := cache.NewSharedIndexInformer(source, &corev1.ConfigMap{}, 0, cache.Indexers{})
	return informer, informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
		log.Print("error: ", oneLine(err))
	})
}

// line is an object in the answer to `dump`.
func line(object any) string {
	m := object.(*corev1.ConfigMap)
	return m.Name + "=" + m.ResourceVersion + "\n"
}

// sayErrors lets all events of a watch through.
func sayErrors(event watch.Event) (watch.Event, bool) {
	if event.Type != watch.Error {
		return event, true
	}
	err := apierrors.FromObject(event.Object)
	status, _ := event.Object.(*metav1.Status)
	switch {
	case status == nil:
		log.Print("event: 0 ", oneLine(err))
	case apierrors.HasStatusCause(err, "ClientWatchDecoding"):
		// Nobody has sent it: so client-go calls what breaks off.
		log.Print("cut: ", oneLine(err))
	default:
		log.Print("event: ", status.Code, " ", oneLine(err))
	}
	return event, true
}

// sayAnswers lets all answers through.
func sayAnswers(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		answer, err := next.RoundTrip(request)
		if err == nil && answer.StatusCode != http.StatusOK {
			log.Print("answer: ", answer.StatusCode, " ", request.Method, " ", request.URL.Path)
		}
		return answer, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", " ") }
