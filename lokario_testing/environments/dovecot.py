"""What Dovecot reads, as text, in the two languages it has: that of 2.3 (Debian 12) and that of 2.4 (Debian 13)."""

from dataclasses import dataclass
from pathlib import Path

SPECIAL_FOLDERS = {"Sent": r"\Sent", "Drafts": r"\Drafts", "Trash": r"\Trash", "Junk": r"\Junk", "Archive": r"\Archive"}
CONFIGURATION_2_4 = "2.4.0"  # the version of the language and of the files, as 2.4 wants it named first

COMMON = """
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/var
log_path = {folder}/dovecot.log
default_login_user = {login_user}
default_internal_user = {internal_user}
default_internal_group = {group}
first_valid_uid = 1
mail_max_userip_connections = 2000
ssl = {ssl}
service imap-login {{
  chroot =
  client_limit = 4000
  {immortal}
  process_min_avail = 1
  inet_listener imap {{
    {listen} = 127.0.0.1
    port = {imap_port}
  }}
  inet_listener imaps {{
    {listen} = 127.0.0.1
    port = {imaps_port}
  }}
}}
service imap {{
  process_limit = 2000
}}
service anvil {{
  chroot =
  client_limit = 8000
}}
service stats {{
  chroot =
}}
namespace inbox {{
  inbox = yes
  separator = /
{folders}
}}
"""
FOLDER = """  mailbox "{name}" {{
    auto = subscribe
    special_use = {use}
  }}"""

ONLY_2_3 = """
disable_plaintext_auth = no
mail_location = {driver}:{folder}/mail/%u/{box}
passdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
"""
CERTIFICATE_2_3 = "ssl_cert = <{certificate}\nssl_key = <{key}\n"
EVERYBODY_2_3 = """
auth_failure_delay = 0
passdb {{
  driver = static
  args = password={password}
}}
"""
TOKENS_2_3 = """
auth_mechanisms = plain xoauth2
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {file}
}}
"""
INTROSPECTION_2_3 = """
introspection_url = {url}
introspection_mode = auth
username_attribute = email
tokeninfo_url =
"""

FIRST_2_4 = f"dovecot_config_version = {CONFIGURATION_2_4}\ndovecot_storage_version = {CONFIGURATION_2_4}\n"
ONLY_2_4 = """
auth_allow_cleartext = yes
mail_driver = {driver}
mail_path = {folder}/mail/%{{user}}/{box}
passdb passwd-file {{
  passwd_file_path = {folder}/users
}}
userdb static {{
  fields {{
    uid = {uid}
    gid = {gid}
    home = {folder}/mail/%{{user}}
  }}
}}
"""
CERTIFICATE_2_4 = "ssl_server_cert_file = {certificate}\nssl_server_key_file = {key}\n"
EVERYBODY_2_4 = """
auth_failure_delay = 0
passdb static {{
  password = {password}
}}
"""
TOKENS_2_4 = """
auth_mechanisms = plain xoauth2
oauth2 {{
  introspection_mode = auth
  introspection_url = {url}
  username_attribute = email
}}
passdb oauth2 {{
  mechanisms_filter = xoauth2
}}
"""


@dataclass(frozen=True)
class Dovecot:
    """One server's settings. ``version`` is what ``dovecot --version`` says, such as "2.3.19.1 (9b53102964)".

    ``everybody`` is a password that any user logs in with; ``introspection`` the URL that judges XOAUTH2 tokens;
    ``folders`` maps every mailbox to its special use.
    """

    version: str
    folder: Path
    driver: str
    users: dict[str, str]
    """login_user, internal_user and group of the processes, uid and gid of the mailboxes."""
    imap_port: int
    imaps_port: int
    folders: dict[str, str]
    certificate: Path | None = None
    key: Path | None = None
    everybody: str = ""
    introspection: str = ""

    @property
    def is_2_4(self) -> bool:
        return tuple(map(int, self.version.split(".")[:2])) >= (2, 4)

    def files(self) -> dict[str, str]:
        """File name → text; `dovecot.conf` is the one to start with."""
        text = FIRST_2_4 if self.is_2_4 else ""
        text += COMMON.format(
            folder=self.folder,
            ssl="yes" if self.certificate else "no",
            imap_port=self.imap_port,
            imaps_port=self.imaps_port if self.certificate else 0,
            immortal="restart_request_count = unlimited" if self.is_2_4 else "service_count = 0",
            listen="listen" if self.is_2_4 else "address",
            folders="\n".join(FOLDER.format(name=name, use=use) for name, use in self.folders.items()),
            **{name: self.users[name] for name in ("login_user", "internal_user", "group")},
        )
        files = {"dovecot.conf": text + self._logins()}
        if self.introspection and not self.is_2_4:
            files["oauth2.conf.ext"] = INTROSPECTION_2_3.format(url=self.introspection)
        return files

    def _logins(self) -> str:
        """Who may log in and where his mail lies; the order of the passdbs is the order they are asked in."""
        box = {"maildir": "Maildir", "sdbox": "sdbox"}[self.driver]
        only, certificate, everybody, tokens = (
            (ONLY_2_4, CERTIFICATE_2_4, EVERYBODY_2_4, TOKENS_2_4)
            if self.is_2_4
            else (ONLY_2_3, CERTIFICATE_2_3, EVERYBODY_2_3, TOKENS_2_3)
        )
        places = {"folder": self.folder, "driver": self.driver, "box": box}
        text = only.format(**places, uid=self.users["uid"], gid=self.users["gid"])
        if self.certificate:
            text += certificate.format(certificate=self.certificate, key=self.key)
        if self.everybody:
            text += everybody.format(password=self.everybody)
        if self.introspection:
            text += tokens.format(url=self.introspection, file=self.folder / "oauth2.conf.ext")
        return text
