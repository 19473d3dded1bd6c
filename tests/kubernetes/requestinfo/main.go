// Command requestinfo tells what requests mean to a Kubernetes API server. It reads lines of JSON, each an array of a
// method and a request target, and writes a line of JSON for each.
package main

import (
	"bufio"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"unicode/utf8"

	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/klog/v2"
)

type answer struct {
	// Error is "target" when the target is no URL, "request" when the API server cannot tell what it means.
	Error string `json:"error"`
	// UTF8 is whether the path is; all texts have U+FFFD for each byte that is not.
	UTF8        bool   `json:"utf8"`
	Path        string `json:"path"`
	Query       string `json:"query"`
	Resource    bool   `json:"is_resource"`
	Verb        string `json:"verb"`
	Group       string `json:"group"`
	Version     string `json:"version"`
	Namespace   string `json:"namespace"`
	Kind        string `json:"resource"`
	Subresource string `json:"subresource"`
	Name        string `json:"name"`
	// InitialEvents is sendInitialEvents; null when the options of a list cannot be decoded.
	InitialEvents *bool `json:"initial_events"`
}

var resolver = request.RequestInfoFactory{
	APIPrefixes:          sets.NewString("api", "apis"),
	GrouplessAPIPrefixes: sets.NewString("api"),
}

// ask reads the target as net/http does, and resolves it as the API server does.
func ask(method, target string) answer {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return answer{Error: "target"}
	}
	result := answer{UTF8: utf8.ValidString(u.Path), Path: text(u.Path), Query: text(u.RawQuery)}
	info, err := resolver.NewRequestInfo(&http.Request{Method: method, URL: u})
	if err != nil {
		result.Error = "request"
		return result
	}
	result.Resource, result.Verb = info.IsResourceRequest, text(info.Verb)
	if info.IsResourceRequest {
		result.Group, result.Version, result.Namespace = text(info.APIGroup), text(info.APIVersion), text(info.Namespace)
		result.Kind, result.Subresource, result.Name = text(info.Resource), text(info.Subresource), text(info.Name)
	}
	options := metainternalversion.ListOptions{}
	if scheme.ParameterCodec.DecodeParameters(u.Query(), metav1.SchemeGroupVersion, &options) == nil {
		initial := options.SendInitialEvents != nil && *options.SendInitialEvents
		result.InitialEvents = &initial
	}
	return result
}

func text(s string) string { return string([]rune(s)) }

func main() {
	// Options that cannot be decoded are logged, which is no news here.
	klog.SetLogger(klog.Logger{})
	output := bufio.NewWriterSize(os.Stdout, 1<<16)
	encoder := json.NewEncoder(output)
	decoder := json.NewDecoder(bufio.NewReaderSize(os.Stdin, 1<<16))
	for {
		var question [2]string
		if err := decoder.Decode(&question); err == io.EOF {
			break
		} else if err != nil {
			log.Fatal(err)
		}
		if err := encoder.Encode(ask(question[0], question[1])); err != nil {
			log.Fatal(err)
		}
	}
	if err := output.Flush(); err != nil {
		log.Fatal(err)
	}
}
