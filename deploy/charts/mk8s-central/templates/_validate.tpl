{{/* What values must not say together; the schema judges each by itself. */}}
{{- define "mk8s-central.validate" -}}
{{- $v := .Values }}
{{- if gt (int $v.replicaCount) 1 }}
{{- fail (printf "replicaCount: %v replicas do not know each other's tunnels yet, and would call clusters offline that another one holds: set 1" $v.replicaCount) }}
{{- end }}
{{- if eq $v.database.type "postgresql" }}
{{- if not $v.database.existingSecret }}
{{- fail "database.existingSecret: database.type is postgresql: name the Secret that holds the URL of the database" }}
{{- end }}
{{- if not $v.auth.existingSecret }}
{{- fail "auth.existingSecret: database.type is postgresql: name the Secret with the RSA key that signs access tokens, such as `openssl genrsa 2048` makes" }}
{{- end }}
{{- else if $v.database.existingSecret }}
{{- fail "database.existingSecret: database.type is sqlite, which has no URL: set database.type to postgresql, or leave the Secret out" }}
{{- end }}
{{- if and $v.auth.acceptedKeys (not $v.auth.existingSecret) }}
{{- fail "auth.acceptedKeys: they are keys of the Secret auth.existingSecret: name it" }}
{{- end }}
{{- if gt (len (compact (list $v.tls.existingSecret (ternary "x" "" $v.tls.certManager.enabled) (ternary "x" "" $v.tls.terminatedByProxy)))) 1 }}
{{- fail "tls: set one of tls.existingSecret, tls.certManager.enabled and tls.terminatedByProxy, not more" }}
{{- end }}
{{- if and $v.tls.certManager.enabled (not $v.tls.certManager.issuerRef.name) }}
{{- fail "tls.certManager.issuerRef.name: tls.certManager.enabled is true: name the issuer" }}
{{- end }}
{{- if and $v.tls.terminatedByProxy (not $v.config.trusted_proxies) }}
{{- fail "config.trusted_proxies: tls.terminatedByProxy is true: list the networks of the proxies, such as [10.0.0.0/8]" }}
{{- end }}
{{- if and $v.tls.terminatedByProxy (not $v.config.public_url) }}
{{- fail "config.public_url: tls.terminatedByProxy is true: set the URL of the proxy" }}
{{- end }}
{{- if and $v.tls.terminatedByProxy $v.tls.clientCa.existingSecret }}
{{- fail "tls.clientCa.existingSecret: client certificates end at the proxy when tls.terminatedByProxy is true: leave one of them out" }}
{{- end }}
{{- if and $v.config.agents.require_client_certificate (not $v.tls.clientCa.existingSecret) }}
{{- fail "config.agents.require_client_certificate: true needs tls.clientCa.existingSecret, the authorities that sign for agents" }}
{{- end }}
{{- if and $v.config.agents.public_url (not $v.agentsListener.enabled) }}
{{- fail "config.agents.public_url: agents use config.public_url unless they have a listener of their own: set agentsListener.enabled, or leave it out" }}
{{- end }}
{{- if and $v.ingress.enabled (not $v.ingress.host) (not $v.config.public_url) }}
{{- fail "ingress.host: set it, or config.public_url, whose host is the default" }}
{{- end }}
{{- if and $v.ingress.agents.enabled (not $v.ingress.agents.host) (not $v.config.agents.public_url) }}
{{- fail "ingress.agents.host: set it, or agentsListener.enabled and config.agents.public_url, whose host is the default" }}
{{- end }}
{{- end }}
