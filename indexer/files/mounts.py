"""Which file systems are mounted where: those of other machines, and those whose files are no files of anybody.

Linux says what is mounted. Elsewhere only the usual folders are known.
"""

from pathlib import Path

_TABLE = Path("/proc/self/mounts")
# File systems that report only the changes made on this machine.
_REMOTE = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "lustre", "gluster", "vboxsf", "vmhgfs", "drvfs", "fuse.", "prl_")
# The files of these are made by the kernel: processes, devices, settings.
_PSEUDO_KINDS = """proc sysfs devtmpfs devpts devfs cgroup cgroup2 debugfs tracefs securityfs pstore bpf configfs
    fusectl mqueue efivarfs binfmt_misc rpc_pipefs nsfs selinuxfs autofs"""
_PSEUDO = frozenset(_PSEUDO_KINDS.split())
_KERNEL_FOLDERS = (Path("/proc"), Path("/sys"), Path("/dev"))


def remote_file_system(folder: Path) -> str:
    """The type of the network file system that a folder is on; "" for a local or an undetermined one."""
    kind = _mount_of(folder)[1]
    return kind if kind.startswith(_REMOTE) else ""


def is_pseudo(folder: Path) -> bool:
    """Whether the files of a resolved folder are made by the kernel, as those of /proc are.

    A file system of another type that is mounted there, as /dev/shm is, counts by its own type.
    """
    mounted, kind = _mount_of(folder)
    return kind in _PSEUDO or any(folder.is_relative_to(top) and top.is_relative_to(mounted) for top in _KERNEL_FOLDERS)


def pseudo_folders(root: Path) -> frozenset[str]:
    """The folders below `root` where such a file system begins, relative to it."""
    kinds = dict(_mounts())  # of several at one place the last one counts
    tops = {*_KERNEL_FOLDERS, *(folder for folder, kind in kinds.items() if kind in _PSEUDO)}
    return frozenset(str(top.relative_to(root)) for top in tops if top != root and top.is_relative_to(root))


def _mount_of(folder: Path) -> tuple[Path, str]:
    """Where the file system that holds a folder is mounted, and its type."""
    found = Path("/"), ""
    for mounted, kind in _mounts():  # of several at one place the last one counts
        if folder.is_relative_to(mounted) and mounted.is_relative_to(found[0]):
            found = mounted, kind
    return found


def _mounts() -> list[tuple[Path, str]]:
    try:
        lines = _TABLE.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return []
    return [(Path(_unescaped(fields[1])), fields[2]) for fields in map(str.split, lines) if len(fields) > 2]


def _unescaped(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text
