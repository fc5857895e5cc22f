"""How Django admin writes times: 24 hours, and UTC as everywhere."""

DATETIME_FORMAT = "Y-m-d H:i:s e"
SHORT_DATETIME_FORMAT = DATETIME_FORMAT
DATE_FORMAT = "Y-m-d"
TIME_FORMAT = "H:i"
