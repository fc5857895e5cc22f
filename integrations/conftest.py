import pytest

pytest.register_assert_rewrite("integrations.testing", "integrations.testing_media")
