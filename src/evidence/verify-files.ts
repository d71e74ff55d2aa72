// Reads every stored file and compares it with its digest.
import { type DigestNews, digestFiles } from './digest-files.ts';

export interface VerifyQuestion {
  sha256: string;
  path: string;
}

/** Bytes read since the last message, or a finished file, with its problem if it has one. */
export type VerifyNews = { bytes: number } | { sha256: string; problem?: string };

/** Reads the files and calls back with the results, until all are read or the signal comes. */
export async function verifyFiles(
  files: readonly VerifyQuestion[],
  tell: (news: VerifyNews) => void,
  signal: AbortSignal,
): Promise<void> {
  const judge = (news: DigestNews): void => {
    if ('bytes' in news) {
      tell(news);
      return;
    }
    const sha256 = files[news.index]?.sha256 ?? '';
    const problem = 'failure' in news ? unread(news.failure) : news.digests.whole === sha256 ? undefined : CHANGED;
    tell({ sha256, ...(problem !== undefined && { problem }) });
  };
  await digestFiles(files, judge, signal);
}

const CHANGED = 'has other bytes than were stored';

/** One removed since the list was made is no fault. */
function unread({ code, reason }: { code: string | undefined; reason: string }): string | undefined {
  return code === 'ENOENT' ? undefined : `cannot be read: ${reason}`;
}
