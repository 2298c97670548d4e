// Calls functions of a component's module for a test in Python: reads {module, calls: [[function, ...arguments]]} from stdin, writes the results.
import { readFileSync } from "node:fs";

const { module, calls } = JSON.parse(readFileSync(0, "utf8"));
const functions = await import(new URL(`../../pages/components/${module}`, import.meta.url));
const plain = (key, value) => (ArrayBuffer.isView(value) ? [...value] : value);
process.stdout.write(JSON.stringify(calls.map(([name, ...given]) => functions[name](...given)), plain));
