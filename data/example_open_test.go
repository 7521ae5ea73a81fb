package data_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/ksparse/ksparse/data"
)

func ExampleOpen() {
	folder, err := os.MkdirTemp("", "data")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "flowers.csv")
	if err := os.WriteFile(path, []byte("name,length,width\niris,5.1,3.5\nrose,4.9,3\n"), 0o600); err != nil {
		log.Fatal(err)
	}
	src, err := data.Open(data.Options{Column: "length:width"}, path)
	if err != nil {
		log.Fatal(err)
	}
	defer src.Close()
	row := make([]float64, 2)
	if err := src.ReadRows(row, 1, 2); err != nil {
		log.Fatal(err)
	}
	fmt.Println(src)
	fmt.Println("row 1 is", row)

	names, err := data.OpenTexts(path, "name")
	if err != nil {
		log.Fatal(err)
	}
	defer names.Close()
	fmt.Println(names.Text(1))
	// Output:
	// 1 CSV file, 2 of 3 columns, 2 x 2
	// row 1 is [4.9 3]
	// rose <nil>
}
