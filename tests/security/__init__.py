"""What attackers try, over HTTP, where it concerns the whole site; each hole that was found is held closed here.

What one app has to stand is held beside it and not repeated:

sign-ins at platforms      integrations/tests/test_sign_in_attacks.py
sessions, refresh tokens   accounts/tests/test_sessions.py; races: accounts/tests/test_races.py
forgotten passwords        accounts/tests/test_password_reset.py; invitations: accounts/tests/test_invitations.py
how often one may ask      tests/test_limits.py
other people's rows        tests/test_tenancy.py; in Django admin: tests/test_admin_permissions.py
addresses that lead inside webhooks/tests/test_hostile_urls.py, media_library/tests/test_remote_files.py,
                           integrations/tests/test_web_pages.py, mastablasta/core/tests/test_outbound_addresses.py
hostile files              media_library/tests/test_hostile.py; their names: media_library/tests/test_upload.py
bodies, slow clients       tests/test_errors.py, mastablasta/web/tests, tests/more/test_slow_clients.py
secrets in logs            mastablasta/core/tests/test_logs.py, accounts/tests/test_secrets.py
"""
