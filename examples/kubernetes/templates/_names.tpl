{{/* The name of the chart, which is the alias where the chart is a dependency that has one. */}}
{{- define "ajsync.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/*
The name of every object. As a dependency the chart keeps its own name in it, whatever the release is called: two
aliases in one release would get the same name if both were left out.
*/}}
{{- define "ajsync.fullname" -}}
{{- $name := include "ajsync.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if and .Chart.IsRoot (contains $name .Release.Name) -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "ajsync.selector" -}}
app.kubernetes.io/name: {{ include "ajsync.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* What every object has, whether or not it is one of the selected pods. */}}
{{- define "ajsync.commonLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "ajsync.labels" -}}
{{ include "ajsync.selector" . }}
{{ include "ajsync.commonLabels" . }}
{{- end -}}

{{/* The pod of `helm test` is not a scheduler, so the Service must not select it. */}}
{{- define "ajsync.testSelector" -}}
app.kubernetes.io/name: {{ include "ajsync.name" . | trunc 58 }}-test
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "ajsync.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "ajsync.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}
