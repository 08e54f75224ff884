// What the server keeps of a conversation beside the log of its events: turns that the log has lost, what questions went
// with, and the citations as the files are now.
import { batch, signal } from "../vendor/vendor.js";
import { get } from "../lib/api.js";
import * as store from "../lib/store.js";
import { turns, turnsOfMessages } from "./turns.js";

/** Conversation -> its turns that are not in the log any more. */
export const histories = new Map();

const address = (conversation) => `/chat/conversation/${encodeURIComponent(conversation)}`;

/** Completes a conversation, once its log was read. */
export async function loadHistory(session, conversation) {
  const { messages } = await get(address(conversation));
  const logged = turns.of(session);
  const stored = turnsOfMessages(messages, session, conversation);
  batch(() => {
    for (const { id, codebase, context } of stored) {
      const turn = logged.get(id);
      const now = turn?.peek();
      if (turn) turn.value = { ...now, codebase: now.codebase ?? codebase, context: now.context.length ? now.context : context };
    }
    histories.set(conversation, stored.filter(({ id }) => !logged.has(id)).map((turn) => signal(turn)));
    turns.version.value += 1;
  });
  await checkCitations();
}

const comparing = new Map(); // conversation -> whether it is to be compared once more

/** Compares the citations of the open conversation with the files again: one call at a time, however often one asks. */
export async function checkCitations() {
  const conversation = store.conversation.peek();
  if (!conversation) return;
  const isRunning = comparing.has(conversation);
  comparing.set(conversation, isRunning);
  if (isRunning) return;
  try {
    do {
      comparing.set(conversation, false);
      await compare(conversation);
    } while (comparing.get(conversation));
  } finally {
    comparing.delete(conversation);
  }
}

async function compare(conversation) {
  const { turns: found } = await get(`${address(conversation)}/citations`);
  const current = new Map(found.map(({ turn_id: id, citations }) => [id, citations]));
  batch(() => {
    for (const turn of store.turns.peek()) {
      const { id, end, cites } = turn.peek();
      const now = current.get(id);
      const hasChanged = now?.some(({ status }, index) => status !== cites[index]?.status);
      if (end && hasChanged) turn.value = { ...turn.peek(), cites: now };
    }
  });
}
