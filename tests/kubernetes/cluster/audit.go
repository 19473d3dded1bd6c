// The audit log of the API server: who asked for what, and on whose behalf.
package main

import (
	"os"
	"path/filepath"
)

const (
	auditLogFile    = "audit.log" // in DIR
	auditPolicyFile = "audit-policy.yaml"
)

// auditPolicy has the answers to all requests but those of the cluster itself. A watch, a followed log and an exec are
// recorded when they begin (ResponseStarted) and when they end.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  users: ["system:apiserver", "system:kube-controller-manager", "process-node"]
- level: None
  userGroups: ["system:serviceaccounts:kube-system"]
- level: Metadata
`

// removeAuditLogs removes the log, and the older one that it was renamed to when it was full.
func removeAuditLogs(dir string) error {
	older, err := filepath.Glob(filepath.Join(dir, "audit-*.log"))
	if err != nil {
		return err
	}
	for _, path := range append(older, filepath.Join(dir, auditLogFile)) {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}
