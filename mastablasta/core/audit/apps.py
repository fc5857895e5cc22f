from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "mastablasta.core.audit"
    label = "audit"
    verbose_name = "Audit log"
