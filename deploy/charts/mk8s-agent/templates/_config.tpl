{{/* The configuration of the agent: the values below `config`, and what the chart decides. */}}
{{- define "mk8s-agent.config" -}}
{{- $v := .Values }}
{{- $secrets := "/var/run/secrets/mk8s" }}
{{- $config := deepCopy $v.config }}
{{- if not $config.cluster }}{{- $_ := unset $config "cluster" }}{{- end }}
{{- $_ := set $config "central" $v.central.url }}
{{- $_ := set $config "token_file" (printf "%s/token/%s" $secrets $v.token.existingSecretKey) }}
{{- $_ := set $config "work_dir" "/tmp" }}
{{- if $v.metrics.enabled }}
{{- $_ := set $config "metrics" (dict "listen" (printf "%s:9090" $v.listenAddress)) }}
{{- end }}
{{- $tls := dict }}
{{- with $v.central.caPin }}{{- $_ := set $tls "ca_pin" . }}{{- end }}
{{- if include "mk8s-agent.hasCa" . }}
{{- $_ := set $tls "ca_file" (printf "%s/ca/%s" $secrets (ternary "ca.crt" $v.central.existingCaKey (not (empty $v.central.ca)))) }}
{{- end }}
{{- with $v.central.serverName }}{{- $_ := set $tls "server_name" . }}{{- end }}
{{- if $v.clientCertificate.existingSecret }}
{{- $_ := set $tls "client_cert_file" (printf "%s/client/tls.crt" $secrets) }}
{{- $_ := set $tls "client_key_file" (printf "%s/client/tls.key" $secrets) }}
{{- end }}
{{- if $tls }}{{- $_ := set $config "tls" $tls }}{{- end }}
{{- toYaml $config }}
{{- end }}
