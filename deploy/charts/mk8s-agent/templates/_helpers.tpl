{{/* The short name. */}}
{{- define "mk8s-agent.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{/* The name of objects: the release's, with the chart's unless it is in it. Suffixes fit behind it. */}}
{{- define "mk8s-agent.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- $name := include "mk8s-agent.name" . }}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* What selects everything of this release. */}}
{{- define "mk8s-agent.releaseLabels" -}}
app.kubernetes.io/name: {{ include "mk8s-agent.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* What selects the pods of agents. */}}
{{- define "mk8s-agent.selectorLabels" -}}
{{ include "mk8s-agent.releaseLabels" . }}
app.kubernetes.io/component: agent
{{- end }}

{{/* The labels of an object, but for its component. */}}
{{- define "mk8s-agent.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (replace "+" "_" .Chart.Version) }}
{{ include "mk8s-agent.releaseLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: mk8s
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "mk8s-agent.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "mk8s-agent.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "mk8s-agent.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ default $.Chart.AppVersion .tag }}{{ end }}
{{- end }}
{{- end }}

{{/* The host of a URL: without scheme, port and brackets. */}}
{{- define "mk8s-agent.host" -}}
{{- (urlParse .).host | regexFind "^(\\[[^]]*\\]|[^:]*)" | trimPrefix "[" | trimSuffix "]" }}
{{- end }}

{{/* The port of central, by its URL. */}}
{{- define "mk8s-agent.centralPort" -}}
{{- $url := urlParse .Values.central.url }}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" }}
{{- if .Values.networkPolicy.egress.centralPort }}
{{- .Values.networkPolicy.egress.centralPort }}
{{- else }}
{{- default (ternary "80" "443" (eq $url.scheme "http")) $port }}
{{- end }}
{{- end }}

{{- define "mk8s-agent.tokenSecret" -}}
{{- default (printf "%s-token" (include "mk8s-agent.fullname" .)) .Values.token.existingSecret }}
{{- end }}

{{/* Not empty if central is recognised by a file of authorities. */}}
{{- define "mk8s-agent.hasCa" -}}
{{- with .Values.central }}{{ if or .ca .existingCaSecret .existingCaConfigMap }}true{{ end }}{{ end }}
{{- end }}

{{/* The roles of mk8s that the agent may act for, in order, as YAML. */}}
{{- define "mk8s-agent.roles" -}}
{{- $roles := list }}
{{- range $role, $clusterRoles := .Values.rbac.bindings }}
{{- if not (kindIs "invalid" $clusterRoles) }}{{- $roles = append $roles $role }}{{- end }}
{{- end }}
{{- toYaml (sortAlpha $roles) }}
{{- end }}
