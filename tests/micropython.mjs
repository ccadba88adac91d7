// Runs Python from standard input in MicroPython, with the folder of modules that is named.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { loadMicroPython } from "../book/node_modules/@micropython/micropython-webassembly-pyscript/micropython.mjs";

const micropython = await loadMicroPython({ heapsize: 32 << 20, linebuffer: true, stdout: console.log });

function copy(folder, inside) {
  micropython.FS.mkdir(inside);
  for (const name of readdirSync(folder)) {
    const path = `${folder}/${name}`;
    if (statSync(path).isDirectory()) copy(path, `${inside}/${name}`);
    else if (name.endsWith(".py")) micropython.FS.writeFile(`${inside}/${name}`, readFileSync(path));
  }
}

copy(process.argv[2], "/handcalc");
micropython.runPython('import sys\nsys.path.append("/")');
micropython.runPython(readFileSync(0, "utf-8"));
