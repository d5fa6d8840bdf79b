module github.com/legivellum/metagate/bench

go 1.26
