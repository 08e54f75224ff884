// Turns of conversations, made of events. Knows no socket and no elements.
//
// A turn: {id, session, conversation, question, text, cites, sources, stage, end, isPending, replaces}. `stage`: the last
// status. `isPending`: not yet accepted by the server. `end`: the `end` event, or null. `context`: what was attached.
// `codebase`: the id of the one that it is about, null where that is not known.
import { batch, signal } from "../vendor/vendor.js";

const blank = { text: "", cites: [], sources: [], stage: null, end: null, isPending: false, replaces: null, conversation: null,
  context: [], codebase: null };

/** A turn that was asked here and that the server may not have yet. */
export const pendingTurn = (fields) => signal({ ...blank, isPending: true, ...fields });

/** The turns of a history as `GET /chat/conversation/{id}` has it. */
export function turnsOfMessages(messages, session, conversation) {
  const made = [];
  for (const message of messages) {
    if (message.role === "user") {
      const { turn_id: id, content: question, codebase, context } = message;
      made.push({ ...blank, id, session, conversation, question, codebase: codebase || null, context });
    } else if (made.length) {
      const { status: reason, model_name: model, timings: ms, usage, grounding, notice, error } = message;
      const end = { reason, model, ms, usage, grounding, notice, error, fromHistory: true };
      Object.assign(made.at(-1), { text: message.content, sources: message.sources, cites: message.citations, end });
    }
  }
  return made;
}

const change = {
  accepted: (turn, event) => ({
    ...turn, isPending: false, question: event.text, conversation: event.conversation, 
    replaces: event.replaces ?? turn.replaces,
  }),
  sources: (turn, event) => ({ ...turn, sources: event.items }),
  delta: (turn, event) => ({ ...turn, text: turn.text + event.text, stage: { stage: "generating" } }),
  cite: (turn, event) => ({ ...turn, cites: [...turn.cites, event] }),
  status: (turn, event) => ({ ...turn, stage: event }),
  end: (turn, event) => (event.seq === undefined && turn.end ? turn : { ...turn, end: event, stage: null, isPending: false }),
};

/** All turns of the followed sessions, in the order of the log. `version` counts up when one is added or leaves. */
class Turns {
  constructor() {
    this.bySession = new Map(); // session -> Map(turn id -> signal)
    this.version = signal(0);
  }

  of(session) {
    if (!this.bySession.has(session)) this.bySession.set(session, new Map());
    return this.bySession.get(session);
  }

  add(turn) {
    this.of(turn.peek().session).set(turn.peek().id, turn);
    this.version.value += 1;
  }

  drop(session, id) {
    if (this.bySession.get(session)?.delete(id)) this.version.value += 1;
  }

  /** Forgets what the log of a session gave; what was asked here and is not accepted stays. */
  reset(session) {
    const kept = [...this.of(session)].filter(([, turn]) => turn.peek().isPending);
    this.bySession.set(session, new Map(kept));
    this.version.value += 1;
  }

  /** One event of the log, or a status. */
  apply(event) {
    const apply = change[event.type];
    if (!apply || !event.turn) return;
    const own = this.of(event.session);
    let turn = own.get(event.turn);
    if (!turn) {
      if (event.type !== "accepted") return; // its beginning is not in the log any more
      turn = signal({ ...blank, id: event.turn, session: event.session });
      own.set(event.turn, turn);
    }
    batch(() => {
      turn.value = apply(turn.peek(), event);
      if (event.refused) this.version.value += 1; // what it was to replace is shown again
      if (event.type === "accepted") {
        own.delete(event.turn); // the order of the log, not that in which they were asked here
        own.set(event.turn, turn);
        this.version.value += 1;
      }
    });
  }

  /**
   * The turns of a conversation without replaced ones; `conversation` null: those that were asked for a new one.
   * `earlier`: its turns that the log did not hold when its history was read.
   */
  in(session, conversation, earlier = []) {
    const logged = this.of(session);
    const own = [...logged.values()].filter((turn) => turn.peek().conversation === conversation);
    const all = [...earlier.filter((turn) => !logged.has(turn.peek().id)), ...own];
    const replaced = new Set(all.filter((turn) => !turn.peek().end?.refused).map((turn) => turn.peek().replaces));
    return all.filter((turn) => !replaced.has(turn.peek().id));
  }
}

export const turns = new Turns();
