// The head's key pair for TLS, and a certificate that it signs itself. Nodes trust the key by its digest, whatever the certificate says.
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../durable/replace.ts';
import { MusterError, reasonOf, systemCode } from '../errors.ts';
import { runOk } from '../process/run.ts';

export interface HeadCertificate {
  /** PEM. */
  key: string;
  /** PEM. */
  certificate: string;
  /** What a client pins: `sha256//` and the SHA-256 of the public key (SubjectPublicKeyInfo) in base64, as in RFC 7469 §2.4. */
  pin: string;
}

/** A node pins the key, and its clock may be wrong: the dates say nothing. */
const DAYS = 36_500;

/** Returns whether the pair was made. */
export function hasHeadCertificate(stateFolder: string): boolean {
  return existsSync(join(stateFolder, 'tls', 'key.pem'));
}

/**
 * Reads the pair from `tls/` of the state folder, or makes it. A damaged file is an error: a new key would shut out every running
 * node. Errors: `bad-config`, `tool-missing` without openssl(1).
 */
export async function loadHeadCertificate(stateFolder: string): Promise<HeadCertificate> {
  const folder = join(stateFolder, 'tls');
  const [keyFile, certificateFile] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  let key = await textOf(keyFile);
  if (key === undefined) {
    await mkdir(folder, { mode: 0o700, recursive: true });
    // P-256: curl, OpenSSL and GnuTLS of every distribution have it
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    key = String(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    await replaceFile(keyFile, key);
  }
  const pin = pinOf(key, keyFile);
  let certificate = await textOf(certificateFile);
  if (certificate === undefined || !belongs(certificate, key, certificateFile)) {
    certificate = await selfSigned(keyFile);
    await replaceFile(certificateFile, certificate);
  }
  return { key, certificate, pin };
}

async function selfSigned(keyFile: string): Promise<string> {
  const subject = ['-subj', '/CN=muster head', '-days', String(DAYS), '-sha256'];
  return runOk('openssl', ['req', '-new', '-x509', '-key', keyFile, ...subject], {
    package: 'openssl',
    timeoutMs: 30_000,
  });
}

function pinOf(key: string, file: string): string {
  try {
    const spki = createPublicKey(createPrivateKey(key)).export({ type: 'spki', format: 'der' });
    return `sha256//${createHash('sha256').update(spki).digest('base64')}`;
  } catch (error) {
    throw damaged(file, error);
  }
}

/** A certificate of another key comes from a key that was replaced by hand, or from a crash between the two files. */
function belongs(certificate: string, key: string, file: string): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  } catch (error) {
    throw damaged(file, error);
  }
}

function damaged(file: string, error: unknown): MusterError {
  return new MusterError(
    'bad-config',
    `${file} is damaged (${reasonOf(error)}). Restore it from a backup, or remove it: musterd makes a new one, and running nodes get new secrets only after they boot again.`,
  );
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
