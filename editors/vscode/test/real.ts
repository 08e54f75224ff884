// A client of a real server for tests/e2e/test_vscode.py: `real.js DATA_DIR COMMAND FOLDER`.
// Each line of its input is a question, a follow-up of the one before; each line of its output is an answer as JSON.

import { createInterface } from "node:readline";

import { newTurn, withEvent } from "../src/core/answers";
import { toProblem } from "../src/core/errors";
import { Lantern, type Thread } from "../src/core/lantern";

const [dataDir = "", command = "", folder = ""] = process.argv.slice(2);
const print = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

async function main(): Promise<void> {
  const lantern = new Lantern(
    () => ({ dataDir, command }),
    (line) => process.stderr.write(`${line}\n`),
  );
  let thread: Thread | undefined;
  for await (const text of createInterface({ input: process.stdin })) {
    let turn = newTurn("t", text);
    try {
      if (text === "index") print(await lantern.index(folder, () => undefined));
      else {
        const end = await lantern.ask({ folder, text, thread }, (event) => {
          turn = withEvent(turn, event);
          if (event.type === "accepted") thread = { session: event.session, conversation: event.conversation };
        });
        print({
          text: turn.text,
          sources: turn.sources,
          citations: turn.citations,
          reason: end.reason,
          ...thread,
        });
      }
    } catch (failure) {
      const { kind, message } = toProblem(failure);
      print({ kind, message });
    }
  }
  await lantern.dispose();
}

void main();
