{{/* The configuration of central: the values below `config`, and what the chart decides. */}}
{{- define "mk8s-central.config" -}}
{{- $v := .Values }}
{{- $secrets := "/var/run/secrets/mk8s" }}
{{- $config := deepCopy $v.config }}
{{- $_ := set $config "listen" (printf "%s:8443" $v.listenAddress) }}
{{- $_ := set $config "public_url" (include "mk8s-central.publicUrl" .) }}
{{- $_ := set $config "data_dir" $v.persistence.mountPath }}
{{- if not $config.trusted_proxies }}{{- $_ := unset $config "trusted_proxies" }}{{- end }}
{{- if not $config.audit.export_file }}{{- $_ := unset $config.audit "export_file" }}{{- end }}
{{- if not $config.agents.public_url }}{{- $_ := unset $config.agents "public_url" }}{{- end }}
{{- if $v.agentsListener.enabled }}
{{- $_ := set $config.agents "listen" (printf "%s:8444" $v.listenAddress) }}
{{- $_ := set $config.agents "public_url" (include "mk8s-central.agentsUrl" .) }}
{{- end }}
{{- if $v.metrics.enabled }}
{{- $_ := set $config "metrics" (dict "listen" (printf "%s:9090" $v.listenAddress)) }}
{{- end }}
{{- $mode := include "mk8s-central.tlsMode" . }}
{{- $tls := dict "mode" $mode }}
{{- if eq $mode "files" }}
{{- $_ := set $tls "cert_file" (printf "%s/tls/tls.crt" $secrets) }}
{{- $_ := set $tls "key_file" (printf "%s/tls/tls.key" $secrets) }}
{{- else if eq $mode "off" }}
{{- $_ := set $tls "terminated_by_proxy" true }}
{{- end }}
{{- if $v.tls.clientCa.existingSecret }}
{{- $_ := set $tls "client_ca" (printf "%s/client-ca/%s" $secrets $v.tls.clientCa.existingSecretKey) }}
{{- end }}
{{- $_ := set $config "tls" $tls }}
{{- if eq $v.database.type "postgresql" }}
{{- $_ := set $config.database "url_file" (printf "%s/database/%s" $secrets $v.database.existingSecretKey) }}
{{- end }}
{{- if $v.auth.existingSecret }}
{{- $_ := set $config.auth "signing_key_file" (printf "%s/auth/%s" $secrets $v.auth.existingSecretKey) }}
{{- $accepted := list }}
{{- range $v.auth.acceptedKeys }}{{- $accepted = append $accepted (printf "%s/auth/%s" $secrets .) }}{{- end }}
{{- if $accepted }}{{- $_ := set $config.auth "accepted_key_files" $accepted }}{{- end }}
{{- end }}
{{- if $v.bootstrap.adminPassword.existingSecret }}
{{- $_ := set $config.bootstrap "admin_password_file" (printf "%s/admin/%s" $secrets $v.bootstrap.adminPassword.existingSecretKey) }}
{{- end }}
{{- $clusters := list }}
{{- range $v.bootstrap.clusters }}
{{- $file := printf "%s/clusters/%s/%s" $secrets .name (default "token" .existingSecretKey) }}
{{- $clusters = append $clusters (dict "name" .name "token_file" $file) }}
{{- end }}
{{- if $clusters }}{{- $_ := set $config.bootstrap "clusters" $clusters }}{{- end }}
{{- toYaml $config }}
{{- end }}

{{/* What the client of `helm test` knows of central: its Service, and how it is recognised. */}}
{{- define "mk8s-central.testClient" -}}
{{- $public := include "mk8s-central.publicUrl" . }}
{{- $mode := include "mk8s-central.tlsMode" . }}
{{- if eq $mode "off" }}
server: {{ $public }}
{{- else }}
server: {{ printf "https://%s:%v" (include "mk8s-central.serviceHost" .) .Values.service.port }}
server_name: {{ include "mk8s-central.host" $public | quote }}
{{- if eq $mode "auto" }}
ca_file: {{ .Values.persistence.mountPath }}/tls/ca.crt
{{- else if .Values.helmTest.caKey }}
ca_file: /var/run/secrets/mk8s/tls/{{ .Values.helmTest.caKey }}
{{- end }}
{{- end }}
{{- end }}
