{{- define "gatehouse.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name }}{{ end -}}
{{- end }}

{{/* Name of the Deployments, at most 40 characters, because the names of their pods are longer. */}}
{{- define "gatehouse.fullname" -}}
{{- include "gatehouse.name" . | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "gatehouse.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "gatehouse.selector" . }}
{{- end }}

{{- define "gatehouse.selector" -}}
app.kubernetes.io/name: gatehouse
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "gatehouse.policyConfigMap" -}}
{{- if .Values.existingPolicyConfigMap }}{{ .Values.existingPolicyConfigMap }}{{ else }}{{ include "gatehouse.fullname" . }}-policy{{ end -}}
{{- end }}

{{/* gatehouse.yaml: the settings of the operator, and the addresses and paths that the chart sets itself. */}}
{{- define "gatehouse.settings" -}}
{{- $policy := dict "path" "/etc/gatehouse/policy" -}}
{{- if eq .Values.policySource "cluster" -}}
{{- $policy = dict "source" "cluster" "seed" "/etc/gatehouse/policy" "copy" "/var/lib/gatehouse/policy-copy" -}}
{{- end -}}
{{- $own := dict "listen" ":8080" "probes" (dict "listen" ":9092") "policy" $policy -}}
{{- if .Values.tlsSecret -}}
{{- $certificate := dict "cert" "/tls/tls.crt" "key" (dict "file" "/tls/tls.key") -}}
{{- $own = set $own "tls" (dict "certificates" (list $certificate)) -}}
{{- end -}}
{{- mergeOverwrite (deepCopy .Values.settings) $own | toYaml -}}
{{- end }}

{{/* SHA-256 of the Secrets that the pods use, except the TLS certificate. `helm template` cannot read Secrets: the sum is then constant. */}}
{{- define "gatehouse.secretsChecksum" -}}
{{- $names := list -}}
{{- if .Values.existingSecret -}}{{- $names = append $names .Values.existingSecret -}}{{- end -}}
{{- range .Values.extraEnv -}}
{{- $reference := dig "valueFrom" "secretKeyRef" "name" "" . -}}
{{- if $reference -}}{{- $names = append $names $reference -}}{{- end -}}
{{- end -}}
{{- $data := list -}}
{{- range $name := uniq $names -}}
{{- $secret := lookup "v1" "Secret" $.Release.Namespace $name -}}
{{- if $secret -}}{{- $data = append $data (get $secret "data") -}}{{- end -}}
{{- end -}}
{{- $data | toJson | sha256sum -}}
{{- end }}

{{/* Pod template of gateways and workers. Argument: a dict with root, part, verb and extra. */}}
{{- define "gatehouse.podSpec" -}}
{{- $root := .root -}}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
# With service links, Kubernetes would set environment variables for other services, which the gate could read as settings.
enableServiceLinks: false
automountServiceAccountToken: false
terminationGracePeriodSeconds: {{ .part.terminationGracePeriodSeconds }}
securityContext: {{- include "gatehouse.podSecurity" $root | nindent 2 }}
{{- with .part.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .part.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .part.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
volumes: {{- include "gatehouse.volumes" $root | nindent 2 }}
containers:
  - name: {{ .verb }}
    image: {{ include "gatehouse.image" $root | quote }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    args: [{{ .verb }}, --config, /etc/gatehouse/settings/gatehouse.yaml]
{{- with $root.Values.extraEnv }}
    env: {{ toYaml . | nindent 6 }}
{{- end }}
    securityContext: {{- include "gatehouse.containerSecurity" $root | nindent 6 }}
    ports:
{{- if eq .verb "serve" }}
      - { name: http, containerPort: 8080 }
{{- end }}
      - { name: probes, containerPort: 9092 }
    startupProbe:
      httpGet: { path: /startupz, port: probes }
      periodSeconds: 2
      failureThreshold: 30
    readinessProbe:
      httpGet: { path: /readyz, port: probes }
      periodSeconds: 2
      failureThreshold: 2
    livenessProbe:
      httpGet: { path: /livez, port: probes }
      periodSeconds: 10
      failureThreshold: 3
{{- with .part.preStopSeconds }}
    lifecycle:
      preStop: { sleep: { seconds: {{ . }} } }
{{- end }}
    resources: {{ toYaml .part.resources | nindent 6 }}
    volumeMounts: {{- include "gatehouse.volumeMounts" $root | nindent 6 }}
{{- end }}

{{- define "gatehouse.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "gatehouse.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "gatehouse.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "gatehouse.volumes" -}}
- name: settings
  configMap: { name: {{ include "gatehouse.fullname" $ }}-settings }
- name: policy
  configMap: { name: {{ include "gatehouse.policyConfigMap" $ }} }
{{- if $.Values.existingSecret }}
- name: secrets
  secret: { secretName: {{ $.Values.existingSecret | quote }}, defaultMode: 0440 }
{{- end }}
{{- if $.Values.tlsSecret }}
- name: tls
  secret: { secretName: {{ $.Values.tlsSecret | quote }}, defaultMode: 0440 }
{{- end }}
# Folder in which the gate buffers large uploads while a service reads slowly.
- name: tmp
  emptyDir: {}
{{- with $.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- if eq .Values.policySource "cluster" }}
- name: policy-copy
  {{- toYaml .Values.policyCopyVolume | nindent 2 }}
{{- end }}
{{- end }}

{{- define "gatehouse.volumeMounts" -}}
- { name: settings, mountPath: /etc/gatehouse/settings, readOnly: true }
# Mounts the folder, because Kubernetes does not update a mounted single file.
- { name: policy, mountPath: /etc/gatehouse/policy, readOnly: true }
{{- if $.Values.existingSecret }}
- { name: secrets, mountPath: /secrets, readOnly: true }
{{- end }}
{{- if $.Values.tlsSecret }}
- { name: tls, mountPath: /tls, readOnly: true }
{{- end }}
- { name: tmp, mountPath: /tmp }
{{- if eq .Values.policySource "cluster" }}
- { name: policy-copy, mountPath: /var/lib/gatehouse }
{{- end }}
{{- with $.Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}
