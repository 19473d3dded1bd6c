{{/* What values must not say together; the schema judges each by itself. */}}
{{- define "mk8s-agent.validate" -}}
{{- $v := .Values }}
{{- if not $v.central.url }}
{{- fail "central.url: it is required: the URL of central, which `mk8s admin clusters create` shows" }}
{{- end }}
{{- if gt (len (compact (list $v.central.caPin $v.central.ca $v.central.existingCaSecret $v.central.existingCaConfigMap))) 1 }}
{{- fail "central: set one of central.caPin, central.ca, central.existingCaSecret and central.existingCaConfigMap, not more" }}
{{- end }}
{{- if and $v.token.existingSecret $v.token.value }}
{{- fail "token: set one of token.existingSecret and token.value, not both" }}
{{- end }}
{{- if not (or $v.token.existingSecret $v.token.value) }}
{{- fail "token.existingSecret: name the Secret with the token of this cluster's agents, or give its file: --set-file token.value=FILE" }}
{{- end }}
{{- if and $v.token.value (not (regexMatch "^mk8s_agent_[A-Za-z0-9_-]+$" (trim $v.token.value))) }}
{{- fail "token.value: it is not the token of an agent, which begins with mk8s_agent_: give the file that holds it with --set-file, not its name with --set" }}
{{- end }}
{{- end }}
