// The head's own language, keyboard and time zone: what most sites want on the machines they install.
import { existsSync, readFileSync, realpathSync } from 'node:fs';

export interface Locale {
  lang: string;
  keymap: string;
  timezone: string;
}

/** Reads the files of systemd and Debian; installers accept neither C nor POSIX. */
export function headLocale(root = '/'): Locale {
  const lang = setting(root, ['etc/locale.conf', 'etc/default/locale'], 'LANG');
  return {
    lang: lang && !/^(C|POSIX)(\.|$)/.test(lang) ? lang : 'en_US.UTF-8',
    keymap:
      setting(root, ['etc/vconsole.conf'], 'KEYMAP') ?? setting(root, ['etc/default/keyboard'], 'XKBLAYOUT') ?? 'us',
    timezone: timezone(root),
  };
}

function setting(root: string, files: readonly string[], name: string): string | undefined {
  for (const file of files) {
    const found = new RegExp(`^\\s*${name}=["']?([\\w.@,+-]+)["']?\\s*$`, 'm').exec(read(root + file))?.[1];
    if (found) return found;
  }
  return undefined;
}

function timezone(root: string): string {
  const written = read(`${root}etc/timezone`).trim();
  if (/^[\w+/-]+$/.test(written)) return written;
  const link = `${root}etc/localtime`;
  const path = existsSync(link) ? realpathSync(link) : '';
  return /\/zoneinfo\/(.+)$/.exec(path)?.[1] ?? 'UTC';
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
