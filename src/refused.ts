/** A decision that refuses: the reason as a part of a sentence, without a full stop. */
export interface Refused {
  refused: string;
}
