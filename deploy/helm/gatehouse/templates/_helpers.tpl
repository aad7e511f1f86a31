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
{{- $own := dict "listen" ":8080" "probes" (dict "listen" ":9092") "policy" (dict "path" "/etc/gatehouse/policy") -}}
{{- mergeOverwrite (deepCopy .Values.settings) $own | toYaml -}}
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
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  fsGroup: 1000
  seccompProfile: { type: RuntimeDefault }
{{- with .part.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .part.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .part.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: settings
    configMap: { name: {{ include "gatehouse.fullname" $root }}-settings }
  - name: policy
    configMap: { name: {{ include "gatehouse.policyConfigMap" $root }} }
{{- if $root.Values.existingSecret }}
  - name: secrets
    secret: { secretName: {{ $root.Values.existingSecret | quote }}, defaultMode: 0440 }
{{- end }}
  # Folder in which the gate buffers large uploads while a service reads slowly.
  - name: tmp
    emptyDir: {}
containers:
  - name: {{ .verb }}
    image: "{{ $root.Values.image.repository }}:{{ $root.Values.image.tag | default $root.Chart.AppVersion }}"
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    args: [{{ .verb }}, --config, /etc/gatehouse/settings/gatehouse.yaml]
{{- with $root.Values.extraEnv }}
    env: {{ toYaml . | nindent 6 }}
{{- end }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: { drop: [ALL] }
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
    volumeMounts:
      - { name: settings, mountPath: /etc/gatehouse/settings, readOnly: true }
      # Mounts the folder, because Kubernetes does not update a mounted single file.
      - { name: policy, mountPath: /etc/gatehouse/policy, readOnly: true }
{{- if $root.Values.existingSecret }}
      - { name: secrets, mountPath: /secrets, readOnly: true }
{{- end }}
      - { name: tmp, mountPath: /tmp }
{{- end }}
