import pytest

pytest.register_assert_rewrite("tests.probe.regimes.twins")
