// What the view and the extension send each other. Types only.

export interface ViewSource {
  n: number;
  path: string;
  start: number;
  end: number;
  symbol: string;
  fresh: boolean;
  why: string; // which signals found it, strongest first
}

export interface ViewCitation {
  n: number[];
  start: number;
  end: number;
  status: "ok" | "moved" | "stale" | "invented";
}

/** A label and the command behind it. */
export interface ViewAction {
  label: string;
  command: string;
}

/** One question and what is known of its answer. */
export interface ViewTurn {
  id: string;
  question: string;
  attached: string[]; // what was sent with it, in words
  text: string;
  sources: ViewSource[];
  citations: ViewCitation[];
  status: string; // what it waits for; empty when it is complete
  notice: string;
  problem: string;
  action?: ViewAction | undefined;
  footer: string;
}

/** What the view shows above its input where there is something to say. */
export interface ViewState {
  words: string;
  isProblem: boolean;
  action?: ViewAction | undefined;
  summary: string; // index and model
}

export type ToView =
  | { type: "turns"; turns: ViewTurn[] }
  | { type: "turn"; turn: ViewTurn }
  | { type: "delta"; id: string; text: string }
  | { type: "state"; state: ViewState }
  | { type: "focus" };

export type FromView =
  | { type: "ready" }
  | { type: "ask"; text: string }
  | { type: "typing"; text: string }
  | { type: "stop" }
  | { type: "new" }
  | { type: "copy"; text: string }
  | { type: "open"; turn: string; path: string; start: number; end: number }
  | { type: "command"; command: string };
