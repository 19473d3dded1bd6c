{{/* What a ClusterRole allows to the holders of roles of mk8s: the second wall behind mk8s' own policy. */}}
{{- define "mk8s-agent.binding" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ .name }}
  labels:
    {{- include "mk8s-agent.labels" .root | nindent 4 }}
    app.kubernetes.io/component: rbac
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {{ .clusterRole | quote }}}
subjects:
  {{- range .roles }}
  - {apiGroup: rbac.authorization.k8s.io, kind: Group, name: {{ printf "mk8s:%s" . | quote }}}
  {{- end }}
{{- end }}
