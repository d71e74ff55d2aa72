// A syslog message as bytes: RFC 5424, and the practice that RFC 3164 describes. Nodes in their first seconds write neither well.

export interface SyslogMessage {
  /** 0 kernel, 1 user, 3 daemon, … (RFC 5424 §6.2.1, table 1). */
  facility: number;
  /** 0 emergency to 7 debug (table 2). */
  severity: number;
  /** The program that wrote it: the APP-NAME or the TAG; empty when absent. */
  app: string;
  text: string;
}

/** Lines read of one datagram: busybox's `nc` sends as many as it got at once. */
const LINES = 64;
/** Characters kept of a text. */
const TEXT = 400;
/** RFC 5424 §6: APP-NAME has 48 characters at most; TAG of RFC 3164 §4.1.3 has 32. */
const APP = 48;
/** RFC 3164 §4.3.3: a message without PRI counts as user, notice. */
const USER_NOTICE = 13;

/** Returns the messages of a datagram, a line each. Never throws: invalid syslog is a text. */
export function decodeSyslog(datagram: Buffer): SyslogMessage[] {
  // RFC 5424 §6.4: the text may begin with a byte order mark; invalid UTF-8 is shown as such
  const lines = datagram
    .toString('utf8')
    .replaceAll('\ufeff', '')
    .split(/[\r\n\0]+/, LINES);
  return lines.filter(line => line.trim() !== '').map(decodeLine);
}

/** Returns the severity of a datagram's first message, from its PRI alone. */
export function severityOf(datagram: Buffer): number {
  const digits = /^<(\d{1,3})>/.exec(datagram.toString('latin1', 0, 5))?.[1];
  return digits === undefined ? USER_NOTICE & 7 : Number(digits) & 7;
}

function decodeLine(line: string): SyslogMessage {
  // RFC 5424 §6.2.1: PRI is one to three digits, 191 at most
  const [whole = '', digits = ''] = /^<(\d{1,3})>/.exec(line) ?? [];
  const known = digits !== '' && Number(digits) <= 191;
  const pri = known ? Number(digits) : USER_NOTICE;
  const rest = known ? line.slice(whole.length) : line;
  const { app, text } = /^1 /.test(rest) ? modern(rest) : legacy(rest);
  return { facility: pri >> 3, severity: pri & 7, app: clean(app, APP), text: clean(text, TEXT) };
}

/** RFC 5424 §6: VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA [MSG]. */
function modern(text: string): { app: string; text: string } {
  const [header = '', app = ''] = /^1 \S{1,64} \S{1,255} (\S{1,48}) \S{1,128} \S{1,32} /.exec(text) ?? [];
  if (header === '') return { app: '', text };
  return { app: app === '-' ? '' : app, text: withoutData(text.slice(header.length)) };
}

/** RFC 5424 §6.3: `-`, or elements `[id name="value" …]`, in whose values `"`, `\` and `]` are escaped with `\`. */
function withoutData(text: string): string {
  if (text === '-' || text.startsWith('- ')) return text.slice(2);
  let at = 0;
  while (text[at] === '[') {
    const end = endOfElement(text, at);
    if (end === undefined) return text;
    at = end;
  }
  return text.slice(at).trimStart();
}

function endOfElement(text: string, from: number): number | undefined {
  let quoted = false;
  for (let at = from + 1; at < text.length; at += 1) {
    if (text[at] === '\\' && quoted) at += 1;
    else if (text[at] === '"') quoted = !quoted;
    else if (text[at] === ']' && !quoted) return at + 1;
  }
  return undefined;
}

/** RFC 3164 §4.1: TIMESTAMP, HOSTNAME, TAG. busybox leaves out the second, kernels and shells all three. */
function legacy(text: string): { app: string; text: string } {
  const stamped = /^[A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} (?:(?!\S{1,255}: )\S{1,255} (?=\S))?/.exec(text)?.[0] ?? '';
  const rest = text.slice(stamped.length);
  const [tag = '', app = ''] = /^([\w./-]{1,48})(?:\[[^\]]{1,20}\])?: ?/.exec(rest) ?? [];
  return { app, text: rest.slice(tag.length) };
}

/** Removes everything that a terminal obeys or that changes the writing direction, and cuts the text. */
function clean(text: string, most: number): string {
  return text
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]+/gu, ' ')
    .trim()
    .slice(0, most);
}
