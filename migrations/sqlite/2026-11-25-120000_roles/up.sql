-- What roles permit and deny: lists of permissions as JSON. A role without any permits nothing.
-- The same as in ../../postgres.

ALTER TABLE roles ADD COLUMN permissions TEXT NOT NULL DEFAULT '[]';
ALTER TABLE roles ADD COLUMN deny TEXT NOT NULL DEFAULT '[]';

UPDATE roles SET description = 'Everything, in every cluster, and the administration of mk8s itself', permissions = '[
    {"clusters": ["*"], "namespaces": ["*"], "resources": ["*"], "verbs": ["*"]}
]', deny = '[]'
WHERE name = 'admin';
UPDATE roles SET description = 'Work in every namespace, exec included; of the cluster itself only a look at namespaces and nodes', permissions = '[
    {"clusters": ["*"],
     "namespaces": ["*"],
     "resources": [
        "configmaps", "cronjobs", "daemonsets", "deployments", "deployments/scale", "events",
        "events.events.k8s.io", "horizontalpodautoscalers", "ingresses", "jobs", "leases", "networkpolicies",
        "persistentvolumeclaims", "poddisruptionbudgets", "pods", "replicasets", "replicasets/scale",
        "replicationcontrollers", "replicationcontrollers/scale", "resourceclaims", "resourceclaimtemplates",
        "secrets", "serviceaccounts", "services", "statefulsets", "statefulsets/scale"],
     "verbs": ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"]},
    {"clusters": ["*"],
     "namespaces": ["*"],
     "resources": ["pods"],
     "verbs": ["logs", "exec", "attach", "port-forward", "debug", "evict"]},
    {"clusters": ["*"],
     "namespaces": ["*"],
     "resources": [
        "controllerrevisions", "cronjobs/status", "daemonsets/status", "deployments/status", "endpoints",
        "endpointslices", "horizontalpodautoscalers/status", "ingresses/status", "jobs/status", "limitranges",
        "namespaces", "namespaces/status", "nodes", "nodes.metrics.k8s.io", "nodes/status",
        "persistentvolumeclaims/status", "poddisruptionbudgets/status", "pods.metrics.k8s.io", "pods/status",
        "replicasets/status", "replicationcontrollers/status", "resourceclaims/status", "resourcequotas",
        "resourcequotas/status", "services/status", "statefulsets/status"],
     "verbs": ["get", "list", "watch"]}
]', deny = '[]'
WHERE name = 'developer';
UPDATE roles SET description = 'Read everything in every cluster, logs included, but no secrets', permissions = '[
    {"clusters": ["*"], "namespaces": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch", "logs"]}
]', deny = '[
    {"clusters": ["*"], "namespaces": ["*"], "resources": ["secrets", "secrets.*"], "verbs": ["*"]}
]'
WHERE name = 'viewer';
UPDATE settings SET value = value + 1 WHERE key = 'policy_version';
