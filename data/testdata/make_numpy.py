"""Writes the files beside it that the tests compare with: python3 make_numpy.py, with NumPy 1.24."""
import numpy as np

# x[i, j] = (10 i + j) / 4 - 3, which float16 holds exactly.
x = np.array([[(10 * i + j) / 4 - 3 for j in range(3)] for i in range(5)])
np.save("float32.npy", x.astype("<f4"))
np.save("float64.npy", x)
np.save("big_endian_columns.npy", np.asfortranarray(x.astype(">f8")))
np.save("cube.npy", x.reshape(5, 3, 1).repeat(2, axis=2).astype("<f2"))  # [i, j, :] is x[i, j] twice
np.save("labels.npy", np.arange(5) * 7 - 3)
np.savez("stored.npz", x=x.astype("<f4"), mean=x.mean(0))
np.savez_compressed("compressed.npz", x=x.astype("<f2"), other=np.ones((2, 2)))
np.savetxt("spaces.txt", x)
np.savetxt("commas.csv", x, delimiter=",", header="a,b,c", comments="")
x.astype("<f4").tofile("plain.f32")
