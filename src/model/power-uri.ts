// power_uri: how to control a node's power. One row per scheme says which parts its URI has; whatever does not fit is refused.
import { nearest } from '../nearest.ts';
import { own } from '../own.ts';
import { PLACEHOLDER } from './power-template.ts';

/** A machine that runs the tool for the head, reached by ssh. */
export interface Server {
  host: string;
  port?: number;
  user?: string;
  password?: string;
}

export interface PowerUri {
  scheme: string;
  /** Where the tool runs; the head itself when absent. */
  server?: Server;
  user?: string;
  password?: string;
  host?: string;
  port?: number;
  /** A domain, a virtual machine, a system's name, or a path. */
  name?: string;
  options: Record<string, string>;
}

export type UriReading = { uri: PowerUri } | { problem: string };

interface Grammar {
  /** The URI's form, for messages. */
  form: string;
  /** What follows `scheme://`. */
  parts: 'server and login' | 'server and name' | 'login and name' | 'path' | 'anything';
  /** Names after `?`, each with the pattern of its value. */
  options: Record<string, RegExp>;
  /** A user may have no name. */
  nameless?: true;
  /** Options with a secret value. */
  secretOptions?: readonly string[];
}

/** The drivers that come with muster; a site's own schemes are not listed. */
export const POWER_SCHEMES: Record<string, Grammar> = {
  ipmi: {
    form: 'ipmi://[[user[:password]@]server]/[user]:password@bmc[:port]',
    parts: 'server and login',
    // IPMI 2.0 §22.29: user 1 has no name.
    nameless: true,
    options: {
      cipher: /^\d{1,2}$/,
      interface: /^(lanplus|lan)$/,
      privilege: /^(user|operator|administrator)$/i,
      // A key of 20 bytes; an environment variable cannot hold a zero byte.
      kg: /^(0x((?!00)[0-9a-f]{2}){1,20}|(?!0x)\P{Cc}{1,20})$/iu,
    },
    secretOptions: ['kg'],
  },
  libvirt: {
    form: 'libvirt://[[user[:password]@]server]/domain',
    parts: 'server and name',
    // A password in it would be a word of virsh, for all to see; libvirt reads none there.
    options: { connect: /^[a-z][a-z0-9+]*:\/\/(?![^/@]*:[^/]*@)\S*$/ },
  },
  vbox: {
    form: 'vbox://[[user[:password]@]server]/machine',
    parts: 'server and name',
    options: {},
  },
  redfish: {
    form: 'redfish://user:password@bmc[:port][/system]',
    parts: 'login and name',
    options: { pin: /^([0-9a-f]{2}:?){32}$/i },
  },
  lab: { form: 'lab:///socket/node', parts: 'path', options: {} },
};

/** Returns the options of a scheme with secret values. */
export function secretOptions(scheme: string): readonly string[] {
  return own(POWER_SCHEMES, scheme)?.secretOptions ?? [];
}

const FREE: Grammar = { form: 'scheme://…', parts: 'anything', options: {} };

/** Splits a field of several URIs at commas; a comma within one separates only if `scheme://` follows. */
export function splitPowerUris(text: string): string[] {
  return text.split(/,(?=[A-Za-z][A-Za-z0-9+.-]*:\/\/)/);
}

/** Returns what is wrong with the field's text, which may contain templates; undefined when it is right. Never contains the text itself. */
export function powerUriProblem(text: string): string | undefined {
  if (text === '') return undefined;
  const parts = splitPowerUris(text);
  for (const [index, part] of parts.entries()) {
    const template = templateProblem(part);
    // Wherever a template stands, a digit can stand as well: in a name, an address, a port.
    const reading = template ? { problem: template } : readPowerUri(part.replace(PLACEHOLDER, '1'));
    if ('problem' in reading) return parts.length > 1 ? `${reading.problem} (URI ${index + 1})` : reading.problem;
  }
  return undefined;
}

function templateProblem(text: string): string | undefined {
  const rest = text.replace(PLACEHOLDER, '');
  return /<\w*\[|\]>/.test(rest)
    ? 'has a template that cannot be read: write <a[NAME]> for an attribute, <node[FIELD]>, <status[NAME]> or <hardware[NAME]>'
    : undefined;
}

/** Reads one URI without templates. The problem names what is wrong, never a part that may be a password. */
export function readPowerUri(text: string): UriReading {
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+.-]*):\/\/([^\s]*)$/.exec(text) ?? [];
  if (scheme === '') return { problem: 'must be a URI such as ipmi:///admin:password@172.45.88.1, without blanks' };
  const known = own(POWER_SCHEMES, scheme);
  const close = known ? undefined : meantScheme(scheme);
  if (close) return { problem: `has the scheme '${scheme}'; did you mean '${close}'?` };
  const grammar = known ?? FREE;
  try {
    return { uri: { scheme, ...readParts(grammar, rest) } };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const written = known
      ? `it is written ${grammar.form}`
      : `the scheme '${scheme}' is not built in: there are ${Object.keys(POWER_SCHEMES).join(', ')}`;
    return { problem: `${error.message}; ${written}` };
  }
}

/** Also with two letters swapped: `impi`. */
function meantScheme(scheme: string): string | undefined {
  const sorted = (text: string): string => [...text].sort().join('');
  const names = Object.keys(POWER_SCHEMES);
  return nearest(scheme, names) ?? names.find(name => sorted(name) === sorted(scheme));
}

class Refusal extends Error {}

function readParts(grammar: Grammar, text: string): Omit<PowerUri, 'scheme'> {
  const { rest, options } = splitOptions(grammar, text);
  if (grammar.parts === 'anything') return { ...readLogin(rest, false), options };
  const isNameless = grammar.nameless === true;
  if (grammar.parts === 'path') {
    if (!/^\/.+\/[^/]+$/.test(rest)) throw new Refusal('needs a path behind three slashes');
    return { name: decoded(rest, 'path'), options };
  }
  if (grammar.parts === 'login and name') return { ...readLogin(rest, true, isNameless), options };
  const slash = rest.indexOf('/');
  if (slash < 0) throw new Refusal("has no '/' behind the server (three slashes when the head itself runs the tool)");
  const server = readServer(rest.slice(0, slash));
  const behind = rest.slice(slash + 1);
  const shared = { ...(server && { server }), options };
  if (grammar.parts === 'server and login') {
    const login = readLogin(behind, true, isNameless);
    if (login.name !== undefined) throw new Refusal('has a path behind the BMC');
    return { ...login, ...shared };
  }
  if (behind === '') throw new Refusal('names nothing behind the server');
  return { name: plainName(decoded(behind, 'name')), ...shared };
}

/**
 * Options stand behind the first `?` after the last `@` of a login: a password may have both signs in it. Where no login stands behind the
 * server, they stand behind the first `?` after its slash.
 */
function splitOptions(grammar: Grammar, text: string): { rest: string; options: Record<string, string> } {
  const isWithoutLogin = grammar.parts === 'server and name' || grammar.parts === 'path';
  const mark = text.indexOf('?', isWithoutLogin ? text.indexOf('/') : text.lastIndexOf('@') + 1);
  if (/\?[A-Za-z_][\w.-]*=/.test(mark < 0 ? text : text.slice(0, mark)))
    throw new Refusal("has an '@' in an option, or a '?' and a '=' in a password ('@' is written %40, '?' %3F)");
  if (mark < 0) return { rest: text, options: {} };
  const options: Record<string, string> = {};
  for (const part of text.slice(mark + 1).split('&')) {
    const [name = '', ...values] = part.split('=');
    const value = decoded(values.join('='), 'option');
    const pattern = Object.hasOwn(grammar.options, name) ? grammar.options[name] : undefined;
    if (grammar.parts !== 'anything' && !pattern) {
      const names = Object.keys(grammar.options);
      throw new Refusal(`has an option '${name}' that is unknown (${names.length > 0 ? names.join(', ') : 'none'} is)`);
    }
    if (pattern && !pattern.test(value)) throw new Refusal(`has a value of the option '${name}' that is not possible`);
    options[name] = value;
  }
  return { rest: text.slice(0, mark), options };
}

function readServer(text: string): Server | undefined {
  if (text === '') return undefined;
  const { user, password, host, port } = readLogin(text, false);
  if (host === undefined) throw new Refusal('has no server before the slash');
  return { host, ...(port !== undefined && { port }), ...(user && { user }), ...(password && { password }) };
}

/** Reads `[user[:password]@]host[:port][/name]`: the last `@` ends the password, which may contain one. */
function readLogin(
  text: string,
  mustLogIn: boolean,
  isNameless = false,
): Omit<PowerUri, 'scheme' | 'options' | 'server'> {
  const at = text.lastIndexOf('@');
  if (mustLogIn && at < 0) throw new Refusal("has no 'user:password@' before the BMC");
  const colon = text.slice(0, Math.max(at, 0)).indexOf(':');
  if (mustLogIn && colon < 0) throw new Refusal("has no ':' between user and password");
  const before = at < 0 ? '' : text.slice(0, colon < 0 ? at : colon);
  if (/[/?]/.test(before))
    throw new Refusal("has a '/' or '?' before an '@' (in a name, '/' is written %2F, '?' %3F, and '@' %40)");
  const user = decoded(before, 'user name');
  const password = colon < 0 ? undefined : decoded(text.slice(colon + 1, at), 'password');
  const mayBeEmpty = isNameless && user === '' && password !== undefined;
  if (at >= 0 && !mayBeEmpty && !/^[A-Za-z0-9_][^\p{Cc}\s:]{0,63}$/u.test(user))
    throw new Refusal('has a user name that is not possible');
  if (password !== undefined && /\p{Cc}/u.test(password)) throw new Refusal('has a control character in a password');
  const place = text.slice(at + 1);
  const slash = place.indexOf('/');
  const name = slash < 0 ? '' : place.slice(slash + 1);
  if (mustLogIn && (slash < 0 ? place : place.slice(0, slash)) === '') throw new Refusal("has no BMC behind the '@'");
  return {
    ...(user && { user }),
    ...(password !== undefined && { password }),
    ...readHost(slash < 0 ? place : place.slice(0, slash)),
    ...(name && { name: plainName(decoded(name, 'name')) }),
  };
}

/** Reads a name, an IPv4 address, or an IPv6 address in brackets: never something that a program could take for an option. */
function readHost(text: string): { host?: string; port?: number } {
  if (text === '') return {};
  const match =
    /^(?:\[([0-9A-Fa-f:.]+(?:%[A-Za-z0-9]+)?)\]|([A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?))(?::(\d{1,5}))?$/.exec(
      text,
    );
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? undefined : Number(match[3]);
  if (host === undefined)
    throw new Refusal(
      "has a host that is neither a name nor an address (in a password, '/' is written %2F before a server)",
    );
  if (port !== undefined && (port < 1 || port > 65_535)) throw new Refusal('has a port that is not from 1 to 65535');
  return { host, ...(port !== undefined && { port }) };
}

function plainName(text: string): string {
  if (/^[^-\p{Cc}][^\p{Cc}]{0,254}$/u.test(text)) return text;
  throw new Refusal("has a name that begins with '-' or has control characters");
}

function decoded(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Refusal(`has a '%' in its ${what} that is no code (a '%' itself is written %25)`);
  }
}
