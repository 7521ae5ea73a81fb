module github.com/ksparse/ksparse/internal/kernel/_gen/vector

go 1.24.0
