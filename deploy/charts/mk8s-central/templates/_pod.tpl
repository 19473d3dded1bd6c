{{/* The pod of central, the same in a Deployment and in a StatefulSet. */}}
{{- define "mk8s-central.pod" -}}
{{- $v := .Values }}
{{- $scheme := include "mk8s-central.scheme" . }}
metadata:
  labels:
    {{- include "mk8s-central.selectorLabels" . | nindent 4 }}
    app.kubernetes.io/part-of: mk8s
    {{- with $v.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    checksum/config: {{ include "mk8s-central.config" . | sha256sum }}
    kubectl.kubernetes.io/default-container: central
    {{- with $v.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "mk8s-central.serviceAccountName" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ add $v.config.shutdown_grace_seconds 10 }}
  {{- with $v.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    {{- toYaml $v.podSecurityContext | nindent 4 }}
  containers:
    - name: central
      image: {{ include "mk8s-central.image" . }}
      imagePullPolicy: {{ $v.image.pullPolicy }}
      command: [mk8s]
      args: [serve, central, --config, /etc/mk8s/central.yaml]
      {{- with $v.extraEnv }}
      env:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: {{ $scheme }}
          containerPort: 8443
        {{- if $v.agentsListener.enabled }}
        - name: agents
          containerPort: 8444
        {{- end }}
        {{- if $v.metrics.enabled }}
        - name: metrics
          containerPort: 9090
        {{- end }}
      startupProbe:
        httpGet: {path: /health, port: {{ $scheme }}, scheme: {{ upper $scheme }}}
        {{- toYaml $v.startupProbe | nindent 8 }}
      livenessProbe:
        httpGet: {path: /health, port: {{ $scheme }}, scheme: {{ upper $scheme }}}
        {{- toYaml $v.livenessProbe | nindent 8 }}
      readinessProbe:
        httpGet: {path: /ready, port: {{ $scheme }}, scheme: {{ upper $scheme }}}
        {{- toYaml $v.readinessProbe | nindent 8 }}
      resources:
        {{- toYaml $v.resources | nindent 8 }}
      securityContext:
        {{- toYaml $v.securityContext | nindent 8 }}
      volumeMounts:
        - {name: config, mountPath: /etc/mk8s, readOnly: true}
        - {name: data, mountPath: {{ $v.persistence.mountPath }}}
        - {name: tmp, mountPath: /tmp}
        {{- if eq (include "mk8s-central.tlsMode" .) "files" }}
        - {name: tls, mountPath: /var/run/secrets/mk8s/tls, readOnly: true}
        {{- end }}
        {{- if $v.tls.clientCa.existingSecret }}
        - {name: client-ca, mountPath: /var/run/secrets/mk8s/client-ca, readOnly: true}
        {{- end }}
        {{- if eq $v.database.type "postgresql" }}
        - {name: database, mountPath: /var/run/secrets/mk8s/database, readOnly: true}
        {{- end }}
        {{- if $v.auth.existingSecret }}
        - {name: auth, mountPath: /var/run/secrets/mk8s/auth, readOnly: true}
        {{- end }}
        {{- if $v.bootstrap.adminPassword.existingSecret }}
        - {name: admin, mountPath: /var/run/secrets/mk8s/admin, readOnly: true}
        {{- end }}
        {{- if $v.bootstrap.clusters }}
        - {name: clusters, mountPath: /var/run/secrets/mk8s/clusters, readOnly: true}
        {{- end }}
        {{- with $v.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "mk8s-central.fullname" . }}
        items: [{key: central.yaml, path: central.yaml}]
    - name: tmp
      emptyDir: {sizeLimit: {{ $v.tmpSizeLimit }}}
    {{- if not (include "mk8s-central.claim" .) }}
    - name: data
      emptyDir: {}
    {{- else if $v.persistence.existingClaim }}
    - name: data
      persistentVolumeClaim: {claimName: {{ $v.persistence.existingClaim }}}
    {{- end }}
    {{- if eq (include "mk8s-central.tlsMode" .) "files" }}
    - name: tls
      secret: {secretName: {{ include "mk8s-central.tlsSecret" . }}, defaultMode: 0440}
    {{- end }}
    {{- with $v.tls.clientCa.existingSecret }}
    - name: client-ca
      secret: {secretName: {{ . }}, defaultMode: 0440}
    {{- end }}
    {{- if eq $v.database.type "postgresql" }}
    - name: database
      secret: {secretName: {{ $v.database.existingSecret }}, defaultMode: 0440}
    {{- end }}
    {{- with $v.auth.existingSecret }}
    - name: auth
      secret: {secretName: {{ . }}, defaultMode: 0440}
    {{- end }}
    {{- with $v.bootstrap.adminPassword.existingSecret }}
    - name: admin
      secret: {secretName: {{ . }}, defaultMode: 0440}
    {{- end }}
    {{- if $v.bootstrap.clusters }}
    - name: clusters
      projected:
        defaultMode: 0440
        sources:
          {{- range $v.bootstrap.clusters }}
          {{- $key := default "token" .existingSecretKey }}
          - secret:
              name: {{ .existingSecret }}
              items: [{key: {{ $key }}, path: {{ .name }}/{{ $key }}}]
          {{- end }}
    {{- end }}
    {{- with $v.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $v.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range . }}
    {{- $own := dict "labelSelector" (dict "matchLabels" (include "mk8s-central.selectorLabels" $ | fromYaml)) }}
    {{- list (merge (deepCopy .) $own) | toYaml | nindent 4 }}
    {{- end }}
  {{- end }}
{{- end }}
