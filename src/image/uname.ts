// A `uname` that reports another kernel release than the running one, and otherwise what the real one reports.

/** Returns whether a text can be a release; it goes into a shell script. */
export const isKernelVersion = (text: string): boolean => /^[\w.+~-]{1,64}$/.test(text);

/** The wrapper as POSIX sh; the image's own uname is at /run/muster/real/uname. */
export const UNAME = (kver: string): string => `#!/bin/sh
# The release is that of the kernel chosen by 'modimg --chroot ${kver}'.
uname=/run/muster/real/uname
if ! [ -e "$uname" ]; then echo '${kver}'; exit; fi
said=$("$uname" "$@") || exit
running=$("$uname" -r)
case $said in
    *"$running"*) printf '%s%s%s\\n' "\${said%%"$running"*}" '${kver}' "\${said#*"$running"}" ;;
    *) printf '%s\\n' "$said" ;;
esac
`;
