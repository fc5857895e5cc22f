"""In a real browser: pages are quiet, ask nobody else for anything, and their forms and buttons work."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from accounts.models import User
from accounts.roles import SiteRole
from accounts.services.password_reset import token_of
from accounts.tests.factories import BACKEND, make_invitation, make_membership, make_user, make_workspace
from analytics.recording import Sample, record
from analytics.tests.factories import NOON, make_published
from integrations.models import SocialAccount
from integrations.tests.factories import make_account
from media_library.models import Asset
from media_library.tests.factories import clip, make_asset, make_rendition, moving, photo, still
from media_library.tests.test_admin import LIST as FILES
from media_library.tests.test_admin import page_of
from media_library.tests.test_library import use
from posts.models import Delivery, Post
from posts.tests.factories import make_delivery, make_post
from tests.browser import CHROMIUM, WHY_SKIPPED, Page, browser
from tests.serving import served
from tests.test_admin import address
from tests.test_description import DOCS, LIST, site_admin

pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason=WHY_SKIPPED),
    pytest.mark.django_db(transaction=True),
]

CREATED = "document.body.innerText.includes('HTTP 201')"
NEW_POST = {"content": "From the page", "platforms": ["mastodon"]}


def session_of(user: User) -> str:
    store = SessionStore()
    store[SESSION_KEY], store[BACKEND_SESSION_KEY] = str(user.pk), BACKEND
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    return str(store.session_key)


def foreign(page: Page, address: str) -> list[str]:
    return [url for url in page.asked if not url.startswith((address, "data:", "about:"))]


def keep_picture(page: Page, name: str) -> None:
    """PICTURES=<folder> keeps what the browser saw, for people."""
    if folder := os.environ.get("PICTURES"):
        page.picture(Path(folder) / name)


# --- the API's own pages ------------------------------------------------------------------------------------------


def test_docs_in_chromium_are_quiet_and_ask_nobody_else():
    with served() as address, browser() as page:
        page.open(f"{address}{DOCS}", until="document.querySelectorAll('.opblock').length > 10")
        page.run("document.querySelector('#operations-posts-posts_create .opblock-summary-control').click()")
        page.wait("!!document.querySelector('.opblock.is-open .examples-select, .opblock.is-open .example')")
        keep_picture(page, "docs.png")

        assert page.complaints == []
        assert foreign(page, address) == []
        assert any("swagger-ui-bundle.js" in url for url in page.asked)


def test_browsable_list_in_chromium_is_quiet_and_its_form_works():
    user = site_admin()
    make_post(workspace=user.default_workspace, content="Seen in a list")

    with served() as address, browser() as page:
        page.sign_in(address, session_of(user))
        page.open(f"{address}{LIST}")
        page.wait("document.body.innerText.includes('Seen in a list')")
        keep_picture(page, "list.png")
        body = json.dumps(json.dumps(NEW_POST))
        page.run(f"document.querySelector('textarea[name=_content]').value = {body}")
        page.submit("document.querySelector('textarea[name=_content]').form", until=CREATED)
        keep_picture(page, "created.png")

        assert page.complaints == []
        assert foreign(page, address) == []


def test_person_signs_in_chooses_a_workspace_and_sends_a_form_as_it_stands():
    user = make_user()
    workspaces = [make_workspace(name=name) for name in ("Harbour Museum", "Lighthouse")]
    for workspace in workspaces:
        make_membership(user, workspace)
        make_post(workspace=workspace, content=f"Seen at {workspace.name}")

    with served() as address, browser() as page:
        page.open(f"{address}/api/v2", until="document.body && document.body.innerText.includes('Sign in')")
        keep_picture(page, "root-signed-out.png")
        page.open(f"{address}/api-auth/login", until="!!document.querySelector('input[name=password]')")
        keep_picture(page, "sign-in.png")
        page.sign_in(address, session_of(user))
        page.open(f"{address}/api/v2", until="document.body && document.body.innerText.includes('/api/v2/posts')")
        keep_picture(page, "root.png")
        page.run(f"document.querySelector('#workspace').value = '{workspaces[1].id}'")
        chosen = "document.querySelector('#workspace option:checked').textContent === 'Lighthouse'"
        page.submit("document.querySelector('.workspace-chooser')", until=chosen)
        page.open(f"{address}{LIST}")
        page.wait("document.body.innerText.includes('Seen at Lighthouse')")
        page.run("document.querySelector('[data-target=\"#filtersModal\"]').click()")
        page.wait("!!document.querySelector('#filtersModal.in')")
        keep_picture(page, "filters.png")
        page.open(f"{address}/api/v2/workspaces")
        page.wait("!!document.querySelector('textarea[name=_content]')")
        page.submit("document.querySelector('textarea[name=_content]').form", until=CREATED)
        keep_picture(page, "workspace-made.png")

        assert page.complaints == []
        assert foreign(page, address) == []


def test_guest_registers_joins_and_later_chooses_another_password():
    workspace = make_workspace(name="Harbour Museum")
    invitation, token = make_invitation(workspace, invited_by=workspace.members.get())

    def fill(page: Page, **fields: str) -> None:
        for name, value in fields.items():
            page.run(f"document.querySelector('[name={name}]').value = {json.dumps(value)}")

    with served() as address, browser() as page:
        page.open(f"{address}/invitation?token={token}", until="!!document.querySelector('input[name=password]')")
        keep_picture(page, "invitation.png")
        fill(page, name="Grace", password="analytical-engine")
        page.submit("document.forms[0]", until="document.body.innerText.includes('You are in Harbour Museum')")
        keep_picture(page, "joined.png")
        grace = User.objects.get(email=invitation.email)
        page.open(f"{address}/password-reset", until="!!document.querySelector('input[name=email]')")
        fill(page, email=grace.email)
        page.submit("document.forms[0]", until="document.body.innerText.includes('sends no e-mail')")
        confirm = f"{address}/password-reset/confirm?token={token_of(grace)}"
        page.open(confirm, until="!!document.querySelector('input[name=new_password]')")
        keep_picture(page, "new-password.png")
        fill(page, new_password="difference-engine")
        page.submit("document.forms[0]", until="document.body.innerText.includes('Your password is changed')")

        assert page.complaints == []
        assert foreign(page, address) == []
        assert workspace.memberships.get(user=grace).role == "editor"
        assert User.objects.get(pk=grace.pk).check_password("difference-engine")


def test_file_is_uploaded_by_the_form_of_its_page(tmp_path):
    user = make_workspace().members.get()
    picture = tmp_path / "beach.jpg"
    picture.write_bytes(photo())

    with served() as address, browser() as page:
        page.sign_in(address, session_of(user))
        page.open(f"{address}/api/v2/media/upload", until="!!document.querySelector('input[type=file]')")
        keep_picture(page, "upload.png")
        field = page.send("Runtime.evaluate", expression="document.querySelector('input[type=file]')")["result"]
        # By its object: the number of a node ends with the next update of a page that still loads.
        page.send("DOM.setFileInputFiles", files=[str(picture)], objectId=field["objectId"])
        page.submit("document.querySelector('input[type=file]').form", until=CREATED)
        keep_picture(page, "uploaded.png")

        assert [one for one in page.complaints if "405" not in one] == []  # the form's own page answers a GET with 405
        assert Asset.objects.get().filename == "beach.jpg"


# --- Django admin -------------------------------------------------------------------------------------------------


def test_admin_in_chromium_is_quiet_and_asks_nobody_else():
    person = make_user(site_role=SiteRole.ADMIN)
    for _ in range(5):
        make_delivery()
    counted = make_published()
    record([Sample(counted.id, NOON + timedelta(hours=hour), likes=hour) for hour in (3, 4, 5)], at=NOON)
    drawn = "Chart.getChart(document.querySelector('canvas')).data.datasets[0].data"

    with served() as base, browser() as page:
        page.sign_in(base, session_of(person))
        for name, path in {
            "deliveries": address(Delivery, "changelist"),
            "person": address(User, "change", person.pk),
            "post": address(Post, "change", Post.objects.first().pk),
        }.items():
            page.open(f"{base}{path}")
            page.wait("document.body.innerText.includes('MastaBlasta')")
            keep_picture(page, f"{name}.png")
        page.open(f"{base}{address(Post, 'change', counted.post_id)}")
        page.run("document.querySelector('canvas').scrollIntoView()")
        keep_picture(page, "figures.png")

        assert page.run(drawn) == [3, 4, 5]
        assert page.complaints == []
        assert foreign(page, base) == []


def test_pages_of_the_admin_are_readable_by_day_and_night_and_on_a_phone():
    person, workspace = make_user(site_role=SiteRole.ADMIN), make_workspace(name="Harbour Museum")
    account = make_account(workspace=workspace, state="needs_reauth")
    make_delivery(account, due_at=timezone.now() + timedelta(days=1), content="The lighthouse opens on Saturday")
    failed = {"state": "failed", "next_attempt_at": None, "error_message": "The platform refused the picture."}
    delivery = make_delivery(account, content="At dusk", **failed)
    pages = {
        "dashboard": "/admin/",
        "triage": "/admin/triage/",
        "cause": "/admin/triage/group/?state=failed&code=&platform=mastodon",
        "pause": "/admin/triage/everything/pause/",
        "delivery": address(Delivery, "change", delivery.pk),
        "accounts": address(SocialAccount, "changelist"),
        "person": address(User, "change", person.pk),
    }

    with served() as base, browser() as page:
        page.open(f"{base}/admin/login/")
        assert page.faint_texts() == []
        page.run("document.querySelector('label').style.color = '#999'")
        assert page.faint_texts() == ["Email:"]
        page.sign_in(base, session_of(person))
        for scheme, width in (("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)):
            page.shown_as(width=width, scheme=scheme)
            for name, path in pages.items():
                page.open(f"{base}{path}")
                page.wait("document.body.innerText.includes('MastaBlasta')")
                keep_picture(page, f"admin-{name}-{scheme}-{width}.png")
                assert page.faint_texts() == [], (name, scheme, width)
                assert page.run("document.documentElement.scrollWidth") <= width, (name, scheme, width)

        assert page.complaints == []
        assert foreign(page, base) == []


def test_triage_is_worked_through_by_keyboard():
    """From the groups into one, two rows picked, retried once the preview is confirmed."""
    failed = {"state": "failed", "next_attempt_at": None, "error_code": "timed_out", "error_retryable": True}
    deliveries = [make_delivery(make_account(handle=f"@keeper{number}"), **failed) for number in range(3)]

    with served() as base, browser() as page:
        page.sign_in(base, session_of(make_user(site_role=SiteRole.ADMIN)))
        page.open(f"{base}/admin/triage/")
        press(page, "j")
        page.run("document.activeElement.click()")  # as Enter does
        page.wait("location.pathname.endsWith('/group/') && document.readyState === 'complete'")
        for key in ("j", "x", "j", "x"):
            press(page, key)
        page.run("document.querySelector('button[value=retry]').click()")
        page.wait("document.body.innerText.includes('Retries 2 that were not sent.')")
        page.wait("document.readyState === 'complete'")
        assert page.run("document.activeElement.textContent") == "Retry"
        page.run("document.activeElement.click()")
        page.wait("document.body.innerText.includes('Retried: 2.')")

        assert page.complaints == []
        assert foreign(page, base) == []
    assert sorted(Delivery.objects.values_list("state", flat=True)) == ["failed", "queued", "queued"]
    assert Delivery.objects.get(state="failed").id == deliveries[0].id  # the newest come first


def press(page: Page, key: str) -> None:
    page.send("Input.dispatchKeyEvent", type="keyDown", key=key, text=key)
    page.send("Input.dispatchKeyEvent", type="keyUp", key=key)


def test_grid_and_page_in_chromium_are_quiet_in_light_and_dark():
    person, workspace = make_user(site_role=SiteRole.ADMIN), make_workspace(name="Harbour Museum")
    for number in range(7):
        names = {"filename": f"Harbour at dawn {number}.jpg", "thumbnail_name": thumbnail(number)}
        make_asset(workspace=workspace, uploaded_by=person, **names)
    make_asset(workspace=workspace, filename="Gulls.gif", data=moving(), thumbnail_name=thumbnail(8))
    make_asset(
        workspace=workspace, filename="broken.png", thumbnail_name="", status="failed", status_reason="It is cut off."
    )
    how = {"thumbnail_name": "", "status": "processing", "next_try_at": timezone.now()}
    make_asset(workspace=workspace, filename="a name that is much longer than any card is wide, and goes on.jpg", **how)
    film = make_asset(workspace=workspace, data=clip(), filename="Ferry.mp4", thumbnail_name=thumbnail(9))
    make_rendition(film, data=clip(size=(320, 240)))
    still_one = Asset.objects.filter(filename="Harbour at dawn 0.jpg").get()
    make_rendition(still_one, data=still("JPEG", (1200, 800)))
    use(still_one, content="Good morning from the harbour", author=person)

    with served() as base, browser() as page:
        page.sign_in(base, session_of(person))
        for theme in ("light", "dark"):
            page.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
            for name, path in {"grid": FILES, "picture": page_of(still_one), "film": page_of(film)}.items():
                page.open(f"{base}{path}")
                page.wait(SHOWN)
                keep_picture(page, f"media-{name}-{theme}.png")
        assert_selecting_works(page, base)

        assert page.complaints == []
        assert foreign(page, base) == []


def test_originals_open_by_themselves_in_chromium_though_they_may_do_nothing():
    person = make_user(site_role=SiteRole.ADMIN)
    film, picture = make_asset(data=clip(size=(320, 240))), make_asset(data=photo((320, 240)))

    with served() as base, browser() as page:
        page.sign_in(base, session_of(person))
        for asset in (film, picture):
            page.open(f"{base}{FILES}{asset.id}/original")
            page.wait(SHOWN)

        assert page.complaints == []


SHOWN = (
    "document.images.length + document.querySelectorAll('video').length > 0"
    " && [...document.images].every(one => one.complete && one.naturalWidth > 0)"
    " && [...document.querySelectorAll('video')].every(one => one.readyState > 0)"
)


def thumbnail(number: int) -> str:
    data = still("JPEG", (400, 300 if number % 3 else 560))
    return default_storage.save("thumbnails/test/thumb.jpg", ContentFile(data))


def assert_selecting_works(page: Page, base: str) -> None:
    page.open(f"{base}{FILES}")
    page.wait("!!document.querySelector('.action-counter')")
    page.run("document.getElementById('action-toggle').click()")
    page.wait("document.querySelectorAll('tr.selected').length === 11")
    keep_picture(page, "media-selected.png")


# --- the first page -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1300, 360])
def test_first_page_is_readable_by_day_and_night_and_on_a_phone(scheme: str, width: int) -> None:
    with served() as address, browser() as page:
        page.shown_as(width=width, scheme=scheme)
        page.open(f"{address}/")
        page.wait("document.styleSheets.length === 1 && document.querySelector('h1').innerText === 'MastaBlasta'")
        keep_picture(page, f"first-page-{scheme}-{width}.png")

        assert page.run("document.documentElement.scrollWidth") <= width
        assert page.run("getComputedStyle(document.querySelector('nav a')).fontSize") == "16px"
        dark = page.run("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 31)"
        assert dark is (scheme == "dark")
        assert page.complaints == []
        assert foreign(page, address) == []
