/** The refusal of a decision, beside its answer: the reason as a part of a sentence, without a full stop. */
export interface Refused {
  refused: string;
}
