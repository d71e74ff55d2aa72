// How header names are spelled on the wire.
import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http';

/**
 * Has an answer spell its header names as RFC 9110 does, `Content-Length`. Case means nothing (RFC 9110 §5.1), but GRUB 2.06 reads no
 * other spelling, and then waits for the connection to close where the length would have told it the end.
 */
export function spellHeaders(response: ServerResponse): void {
  const writeHead = response.writeHead.bind(response);
  response.writeHead = (
    status: number,
    second?: string | OutgoingHttpHeaders | OutgoingHttpHeader[],
    third?: OutgoingHttpHeaders | OutgoingHttpHeader[],
  ): ServerResponse => {
    if (typeof second === 'string') return writeHead(status, second, spelled(third));
    return writeHead(status, spelled(second));
  };
}

type Headers = OutgoingHttpHeaders | OutgoingHttpHeader[];

function spelled(headers: Headers | undefined): Headers | undefined {
  if (headers === undefined || Array.isArray(headers)) return headers;
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [spell(name), value]));
}

/** `etag` is the one whose spelling follows no rule. */
function spell(name: string): string {
  if (name.toLowerCase() === 'etag') return 'ETag';
  return name.replace(/(^|-)[a-z]/g, letters => letters.toUpperCase());
}
