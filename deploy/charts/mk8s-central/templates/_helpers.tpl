{{/* The short name. */}}
{{- define "mk8s-central.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{/* The name of objects: the release's, with the chart's unless it is in it. Suffixes fit behind it. */}}
{{- define "mk8s-central.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- $name := include "mk8s-central.name" . }}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* What selects everything of this release. */}}
{{- define "mk8s-central.releaseLabels" -}}
app.kubernetes.io/name: {{ include "mk8s-central.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* What selects central's pods. */}}
{{- define "mk8s-central.selectorLabels" -}}
{{ include "mk8s-central.releaseLabels" . }}
app.kubernetes.io/component: central
{{- end }}

{{/* The labels of an object, but for its component. */}}
{{- define "mk8s-central.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (replace "+" "_" .Chart.Version) }}
{{ include "mk8s-central.releaseLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: mk8s
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "mk8s-central.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "mk8s-central.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "mk8s-central.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ default $.Chart.AppVersion .tag }}{{ end }}
{{- end }}
{{- end }}

{{/* The host of a URL: without scheme, port and brackets. */}}
{{- define "mk8s-central.host" -}}
{{- (urlParse .).host | regexFind "^(\\[[^]]*\\]|[^:]*)" | trimPrefix "[" | trimSuffix "]" }}
{{- end }}

{{/* The name of the Service within the cluster. */}}
{{- define "mk8s-central.serviceHost" -}}
{{ include "mk8s-central.fullname" . }}.{{ .Release.Namespace }}.svc
{{- end }}

{{/* The URL of central. */}}
{{- define "mk8s-central.publicUrl" -}}
{{- default (printf "https://%s:%v" (include "mk8s-central.serviceHost" .) .Values.service.port) .Values.config.public_url | trimSuffix "/" }}
{{- end }}

{{/* The URL by which agents reach central. */}}
{{- define "mk8s-central.agentsUrl" -}}
{{- if not .Values.agentsListener.enabled }}
{{- include "mk8s-central.publicUrl" . }}
{{- else }}
{{- $inside := printf "https://%s-agents.%s.svc:%v" (include "mk8s-central.fullname" .) .Release.Namespace .Values.agentsListener.service.port }}
{{- default $inside .Values.config.agents.public_url | trimSuffix "/" }}
{{- end }}
{{- end }}

{{/* off, files or auto. */}}
{{- define "mk8s-central.tlsMode" -}}
{{- with .Values.tls -}}
{{- if .terminatedByProxy }}off{{ else if or .existingSecret .certManager.enabled }}files{{ else }}auto{{ end }}
{{- end }}
{{- end }}

{{- define "mk8s-central.tlsSecret" -}}
{{- default (printf "%s-tls" (include "mk8s-central.fullname" .)) .Values.tls.existingSecret }}
{{- end }}

{{/* http or https: the name of the port, and what is spoken there. */}}
{{- define "mk8s-central.scheme" -}}
{{- ternary "http" "https" (eq (include "mk8s-central.tlsMode" .) "off") }}
{{- end }}

{{/* Not empty if central keeps something: its database or its authority. */}}
{{- define "mk8s-central.hasData" -}}
{{- if or (eq .Values.database.type "sqlite") (eq (include "mk8s-central.tlsMode" .) "auto") }}true{{ end }}
{{- end }}

{{/* The claim of the data, if there is one. */}}
{{- define "mk8s-central.claim" -}}
{{- if and .Values.persistence.enabled (include "mk8s-central.hasData" .) }}
{{- default (printf "data-%s-0" (include "mk8s-central.fullname" .)) .Values.persistence.existingClaim }}
{{- end }}
{{- end }}

{{/* Not empty if `helm test` can know whom to trust: an authority of central's own is on a volume that two pods can share. */}}
{{- define "mk8s-central.hasTest" -}}
{{- $shared := and (include "mk8s-central.claim" .) (not (has "ReadWriteOncePod" .Values.persistence.accessModes)) }}
{{- if and .Values.helmTest.enabled (or (ne (include "mk8s-central.tlsMode" .) "auto") $shared) }}true{{ end }}
{{- end }}
