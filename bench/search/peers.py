"""The peers of the search over sparse codes, in a process of their own: exact search by faiss, and
hnswlib compiled for this processor.

  python3 -u peers.py FOLDER QUERIES

FOLDER has base.npy and query.npy, rows of norm 1 in float32, and keeps what takes long to make:
hnswlib as a library, its graph, and the CPU seconds that the graph took to build. The first line of
the answers is {"ready": ...}. Then each line that is read, "flat" or "hnsw EF", searches the ten
nearest rows of each query, as often as half a second of CPU time allows, and is answered by
{"seconds": CPU seconds a query, "recall": share of the exact neighbours that were found}.

It needs Debian's python3-numpy python3-faiss libopenblas0-pthread libhnswlib-dev g++. Debian's own
hnswlib is compiled for any x86-64, without the wide registers: it would be no fair peer.
"""
import ctypes
import json
import os
import subprocess
import sys
import time

import faiss
import numpy as np

K, M, EF_CONSTRUCTION = 10, 16, 200

NATIVE = r"""
#include <fstream>
#include <string>
#include <hnswlib/hnswlib.h>
using Graph = hnswlib::HierarchicalNSW<float>;

extern "C" {
// open reads the graph of the file, or makes one of the rows and saves it.
void *open_graph(const char *file, const float *rows, size_t n, size_t d, int m, int construction) {
  auto *space = new hnswlib::InnerProductSpace(d);
  if (std::ifstream(file).good()) return new Graph(space, std::string(file));
  auto *g = new Graph(space, n, m, construction, 100);
  for (size_t i = 0; i < n; i++) g->addPoint(rows + i * d, i);
  g->saveIndex(std::string(file) + ".part");
  return g;
}
void search(void *graph, const float *queries, size_t n, size_t d, int k, int ef, int64_t *found) {
  auto *g = static_cast<Graph *>(graph);
  g->setEf(ef);
  for (size_t i = 0; i < n; i++) {
    auto heap = g->searchKnn(queries + i * d, k);
    for (int j = (int)heap.size(); !heap.empty(); heap.pop()) found[i * k + --j] = heap.top().second;
  }
}
double bytes_a_row(void *graph) { return static_cast<Graph *>(graph)->size_data_per_element_; }
}
"""


def one_thread():
    """Makes faiss and OpenBLAS use one thread."""
    faiss.omp_set_num_threads(1)
    for name in ("libopenblas.so.0", "libblas.so.3"):
        try:
            ctypes.CDLL(name).openblas_set_num_threads(1)
            return
        except (OSError, AttributeError):
            pass


def compiled(folder):
    """Compiles hnswlib for this processor, unless that has been done, and returns the library."""
    path = os.path.join(folder, "hnsw.so")
    if not os.path.exists(path):
        source = os.path.join(folder, "hnsw.cc")
        with open(source, "w") as f:
            f.write(NATIVE)
        subprocess.run(["g++", "-O3", "-march=native", "-shared", "-fPIC", "-o", path + ".part", source], check=True)
        os.replace(path + ".part", path)
    lib = ctypes.CDLL(path)
    pointer, size, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    lib.open_graph.restype, lib.open_graph.argtypes = pointer, [ctypes.c_char_p, pointer, size, size, number, number]
    lib.search.restype, lib.search.argtypes = None, [pointer, pointer, size, size, number, number, pointer]
    lib.bytes_a_row.restype, lib.bytes_a_row.argtypes = ctypes.c_double, [pointer]
    return lib


def padded(x):
    """Returns the rows with zeros at the end, to a multiple of 16 numbers: hnswlib is fastest so."""
    n, d = x.shape
    wide = np.zeros((n, (d + 15) // 16 * 16), np.float32)
    wide[:, :d] = x
    return wide


class Hnsw:
    """A graph of hnswlib over the rows, from the folder or made and kept there."""

    def __init__(self, folder, rows):
        self.lib, rows = compiled(folder), padded(rows)
        path, seconds = os.path.join(folder, "hnsw.graph"), os.path.join(folder, "hnsw.seconds")
        n, d = rows.shape
        begin = time.process_time()
        self.graph = self.lib.open_graph(path.encode(), rows.ctypes.data, n, d, M, EF_CONSTRUCTION)
        if not os.path.exists(path):
            with open(seconds, "w") as f:
                f.write(str(time.process_time() - begin))
            os.replace(path + ".part", path)
        with open(seconds) as f:
            self.build = float(f.read())

    def search(self, queries, ef):
        found = np.empty((len(queries), K), np.int64)
        self.lib.search(self.graph, queries.ctypes.data, len(queries), queries.shape[1], K, ef, found.ctypes.data)
        return found


def measured(search, truth):
    """Returns CPU seconds a query and the recall of search()."""
    begin, times = time.process_time(), 0
    while times == 0 or time.process_time() - begin < 0.5:
        found, times = search(), times + 1
    seconds = (time.process_time() - begin) / times / len(truth)
    recall = np.mean([len(np.intersect1d(a, b)) for a, b in zip(found, truth)]) / K
    return {"seconds": seconds, "recall": recall}


def main():
    folder, count = sys.argv[1], int(sys.argv[2])
    one_thread()
    base = np.load(os.path.join(folder, "base.npy"))
    queries = np.ascontiguousarray(np.load(os.path.join(folder, "query.npy"))[:count])
    flat = faiss.IndexFlatIP(base.shape[1])
    flat.add(base)
    truth = flat.search(queries, K)[1]
    hnsw, wide = Hnsw(folder, base), padded(queries)
    del base
    print(json.dumps({"ready": f"faiss {faiss.__version__}, hnswlib M {M}, efConstruction {EF_CONSTRUCTION}",
                      "build": hnsw.build, "bytes": hnsw.lib.bytes_a_row(hnsw.graph)}), flush=True)
    for line in sys.stdin:
        method, *effort = line.split()
        if method == "flat":
            answer = measured(lambda: flat.search(queries, K)[1], truth)
        else:
            answer = measured(lambda: hnsw.search(wide, int(effort[0])), truth)
        print(json.dumps(answer), flush=True)


main()
